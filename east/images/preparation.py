"""All that happens to an image before the network: it is decoded, then brought to the network's size."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..options import DetectorOptions
from ..types import Size, Timings
from .decoding import ImageInput, load_image, source_of
from .sizing import resize
from .tiling import network_size_of


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """An image as the network takes it.

    Attributes:
        resized: uint8 RGB ``(H, W, 3)`` at the network's size; what `east.images.tiling.tiles_of` cuts, if it is cut.
        size: of the upright image.
        timings: milliseconds of decoding and resizing.
        upright: the upright image, uint8 RGB ``(H, W, 3)``; None where nobody wants to see it any more.
        source: the file it was read from, as far as that is known.
    """

    resized: NDArray[np.uint8]
    size: Size
    timings: Timings
    upright: NDArray[np.uint8] | None = None
    source: str = ""

    @property
    def network_size(self) -> Size:
        """The size at which the network sees it."""
        return Size(*self.resized.shape[:2])


def prepare(
    image: ImageInput,
    options: DetectorOptions,
    *,
    bgr: bool = False,
    into: Callable[[Size], NDArray[np.uint8]] | None = None,
) -> PreparedImage:
    """Decodes an image and resizes it for the network.

    Args:
        image: as for `load_image`.
        options: ``max_pixels``, and what the network's size follows from.
        bgr: arrays hold blue, green and red, in this order.
        into: see `resize`.

    Raises:
        ImageError: it cannot be used.
    """
    start = time.perf_counter()
    upright = load_image(image, bgr=bgr, max_pixels=options.max_pixels)
    decoded = time.perf_counter()
    size = Size(*upright.shape[:2])
    resized = resize(upright, network_size_of(size, options), into)
    timings = Timings(decode=(decoded - start) * 1e3, resize=(time.perf_counter() - decoded) * 1e3)
    return PreparedImage(resized, size, timings, upright, source_of(image))
