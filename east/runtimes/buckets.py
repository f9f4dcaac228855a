"""Shapes in buckets, for runtimes that compile for each shape anew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..types import Size

STEP = 128
BATCHES = (1, 2, 4, 8)
FILL = (124, 117, 104)  # the mean colour, which the network sees as nothing


def bucket(size: Size, compiled: frozenset[Size] | set[Size]) -> Size:
    """The size to run an image of ``size`` at: its own when that is compiled, else rounded up to multiples of 128."""
    return size if size in compiled else Size(*(-(-side // STEP) * STEP for side in size))


def batch_bucket(count: int, batches: Sequence[int] = BATCHES) -> int:
    """The smallest of ``batches`` that holds ``count`` images, at most the largest there is."""
    return min((batch for batch in batches if batch >= count), default=max(batches))


def padded(images: NDArray[np.uint8], batch: int, size: Size) -> NDArray[np.uint8]:
    """``images`` (N, H, W, 3) in the top-left corner of a batch of larger ones."""
    count, height, width, _ = images.shape
    if (batch, *size) == (count, height, width):
        return images
    filled = np.empty((batch, *size, 3), np.uint8)
    filled[:] = FILL
    filled[:count, :height, :width] = images
    return filled
