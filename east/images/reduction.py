"""The reduced copy of an image, on which the network finds words that are too large for it otherwise.

The network frames words of up to 150 pixels surely and 200 at most. On the copy, words of 150 to 1200 pixels have 14 to
110. Its surroundings are the image's own border, drawn out: what touches the edge of its input the network hardly sees.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from ..options import DetectorOptions
from ..types import Size

REDUCTION: Final = 11
"""Pixels of the image for one of the copy."""

LEAST_SIDE: Final = 320
"""Shorter side in pixels from which an image may hold such a word, with something around it."""

_MARGIN: Final = 8


def reduced_size(size: Size, options: DetectorOptions) -> Size | None:
    """The network size of the copy of an image that has been brought to a network size; None where there is none."""
    if options.fixed_size is not None or options.tiling == "off" or min(size) < LEAST_SIDE:
        return None
    return Size(*(-(-(side // REDUCTION + 2 * _MARGIN) // 32) * 32 for side in size))


def reduce(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """The copy of an image, uint8 ``(H, W, 3)``, with its surroundings; ``size`` is its `reduced_size`."""
    height, width = (side // REDUCTION for side in image.shape[:2])
    whole = image[: height * REDUCTION, : width * REDUCTION]
    copy = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)  # fast, as the factor is a whole number
    top, left = (size.height - height) // 2, (size.width - width) // 2
    bottom, right = size.height - height - top, size.width - width - left
    return cv2.copyMakeBorder(copy, top, bottom, left, right, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)


def from_reduced(quads: NDArray[np.float32], reduced: Size, image: Size) -> NDArray[np.float32]:
    """Maps quads, ``(M, 4, 2)`` of ``(x, y)``, from pixels of the copy with its surroundings to those of the image."""
    return (quads - _corner(reduced, image)) * np.float32(REDUCTION)


def to_reduced(quads: NDArray[np.float32], reduced: Size, image: Size) -> NDArray[np.float32]:
    """The way back: from pixels of the image to those of the copy with its surroundings."""
    return quads / np.float32(REDUCTION) + _corner(reduced, image)


def _corner(reduced: Size, image: Size) -> NDArray[np.float32]:
    """Where in the copy with its surroundings the image begins, ``(x, y)``."""
    corner = [(outer - side // REDUCTION) // 2 for outer, side in zip(reduced[::-1], image[::-1], strict=True)]
    return np.array(corner, np.float32)
