"""Several images where several are expected, and what becomes of one among them that is none."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from ..errors import ImageError
from .decoding import ImageInput

_ONE = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, io.IOBase)


def several_images(images: Iterable[ImageInput]) -> Iterator[ImageInput]:
    """The images one by one: of an iterable, or of an array ``(N, H, W, C)``.

    Raises ``TypeError`` for a single image, most kinds of which can be iterated over as well, and for what cannot.
    """
    if isinstance(images, _ONE) or (isinstance(images, np.ndarray) and images.ndim in (2, 3)):
        kind = f"array of shape {images.shape}" if isinstance(images, np.ndarray) else type(images).__qualname__
        raise TypeError(f"expected several images and got one, a single {kind}: put it into a list, or call detect")
    if not isinstance(images, Iterable):
        raise TypeError(f"expected several images, in a list or from a generator, got {type(images).__qualname__}")
    return iter(images)


def unusable(error: Exception) -> ImageError:
    """The error of one image among several that failed with ``error``, in a way of which decoders do not speak."""
    told = str(error) if isinstance(error, TypeError) else f"the image cannot be decoded: {error!r}"
    found = ImageError(told)
    found.__cause__ = error
    return found
