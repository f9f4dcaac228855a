"""Several images where several are expected, and what becomes of one among them that is none."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ImageFile import ImageFile

from ..errors import ImageError
from ..files import is_uri
from .decoding import ImageInput, source_of
from .listing import images_below, images_matching, is_pattern, why_missing
from .pdf import SUFFIX as PDF
from .pdf import PdfPage, check_library, pdf_pages

_ONE = (str, bytes, bytearray, memoryview, os.PathLike, Image.Image, io.IOBase, PdfPage)


def several_images(
    images: Iterable[ImageInput] | str | os.PathLike[str], *, alone: str = "detect"
) -> Iterator[ImageInput]:
    """The images one by one: of an iterable, an array ``(N, H, W, C)``, a folder, a pattern (``scans/*.png``) or a PDF.

    Args:
        images: as above. Arrays and buffers that come from a generator, or another iterator, are copied: it may use
            them again for the next image before this one is looked at.
        alone: names what to call for one.

    Raises:
        TypeError: a single image, most kinds of which can be iterated over as well, or what cannot.
        ImageError: a folder without images, a pattern that no file matches, or a path where nothing is.
        OSError: a folder that cannot be read.
    """
    if isinstance(images, (str, os.PathLike)):
        path = os.fspath(images)
        if (named := _named(path)) is not None:
            return named
        if not is_uri(path) and not Path(path).exists():
            raise ImageError(f"{path or repr(path)}: {why_missing(path)}")
    if isinstance(images, _ONE) or (isinstance(images, np.ndarray) and images.ndim in (2, 3)):
        kind = f"array of shape {images.shape}" if isinstance(images, np.ndarray) else type(images).__qualname__
        raise TypeError(f"expected several images and got one, a single {kind}: put it into a list, or call {alone}")
    if not isinstance(images, Iterable):
        raise TypeError(f"expected several images, in a list or from a generator, got {type(images).__qualname__}")
    return iter(images) if isinstance(images, (Sequence, np.ndarray)) else map(_kept, images)


def with_pages(paths: Iterable[Path]) -> Iterator[Path | PdfPage]:
    """Files, the pages of a PDF in its place; a PDF that cannot be read stays itself, an error when it is looked at."""
    for path in paths:
        pages: list[Path | PdfPage] = []
        if path.suffix.lower() == PDF:
            try:
                pages = [*pdf_pages(path)]
            except (ImageError, ImportError):
                pages = []
        yield from pages or [path]


def unusable(error: Exception) -> ImageError:
    """The error of one image among several that failed with ``error``, in a way of which decoders do not speak."""
    told = str(error) if isinstance(error, TypeError) else f"the image cannot be decoded: {error!r}"
    found = ImageError(told)
    found.__cause__ = error
    return found


def with_source(error: ImageError, image: ImageInput) -> ImageError:
    """The error of an image, which now tells the file that this comes from."""
    with suppress(Exception):  # of whatever is no image
        error.source = source_of(image)
    return error


def _kept(image: ImageInput) -> ImageInput:
    """The image as it is now, whatever becomes of it."""
    if isinstance(image, (bytearray, memoryview)):
        return bytes(image)
    if isinstance(image, ImageFile):  # which may not be decoded yet
        return image
    return image.copy() if isinstance(image, (np.ndarray, Image.Image)) else image


def _named(text: str) -> Iterator[ImageInput] | None:
    """The images that one path stands for; None where it stands for one."""
    path = Path(text)
    if not text or is_uri(text):
        return None
    if path.is_dir():
        return with_pages(images_below(path))
    if is_pattern(text):
        return with_pages(images_matching(text))
    if path.suffix.lower() != PDF or not path.exists():
        return None
    check_library()
    return with_pages([path])
