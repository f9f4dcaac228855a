"""Shapes in buckets, for runtimes that compile for each shape anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...types import Size

STEP = 128
BATCHES = (1, 2, 4, 8)
FILL = np.array([124, 117, 104], np.uint8)  # the mean colour, which the network sees as nothing


def bucket(size: Size, compiled: frozenset[Size] | set[Size]) -> Size:
    """The size to run an image of ``size`` at: its own when that is compiled, else rounded up to multiples of 128."""
    return size if size in compiled else Size(*(-(-side // STEP) * STEP for side in size))


def batch_bucket(count: int, batches: Sequence[int] = BATCHES) -> int:
    """The smallest of ``batches`` that holds ``count`` images, at most the largest there is."""
    return min((batch for batch in batches if batch >= count), default=max(batches))


def fill(buffer: NDArray[np.uint8], images: Iterable[NDArray[np.uint8]]) -> None:
    """Copies images (H, W, 3) of one size to the top-left corners of the first places in a buffer (N, H', W', 3)."""
    for place, image in zip(buffer, images, strict=False):
        height, width, _ = image.shape
        place[:height, :width] = image
        place[height:] = FILL
        place[:height, width:] = FILL
