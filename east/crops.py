"""Words cut out of an image and rectified."""

from __future__ import annotations

from math import ceil, hypot

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import heights, turns, widths
from .images.sizing import resize
from .types import Size

_LONGEST_SIDE = 8192  # OpenCV warps 32,766 pixels a side at most, and padding can triple a crop
_LONGEST_WINDOW = 32_766


def crop_word(
    image: NDArray[np.uint8], quad: NDArray[np.float32], height: int | None = None, padding: float = 0.0
) -> NDArray[np.uint8]:
    """Cuts one word out by the perspective that makes its quad a rectangle.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        quad: ``(4, 2)`` in the image's pixels, clockwise from the text's top-left corner, which becomes the crop's.
            The crop is as wide as the quad's top and bottom sides on average and as high as its left and right ones,
            so text set from top to bottom keeps a high, narrow crop. A quad that is not convex or has no area is
            replaced by its bounding box.
        height: pixels the crop is scaled to, padding included.
        padding: surroundings to keep on every side, as a share of the word's height, 0..1.

    Returns:
        uint8 RGB of at least one pixel, the word no longer than the image's diagonal; what lies outside the image
        repeats its border.

    Raises:
        ValueError: for a height or padding out of range.
    """
    if height is not None and height < 1:
        raise ValueError(f"height must be at least 1 pixel, got {height}")
    if not 0 <= padding <= 1:
        raise ValueError(f"padding must be between 0 and 1 times the word's height, got {padding}")
    corners = _usable(np.asarray(quad, np.float64))
    longest = min(_LONGEST_SIDE, ceil(hypot(*image.shape[:2])))
    word = Size(*(int(np.clip(np.rint(side), 1, longest)) for side in (heights(corners), widths(corners))))
    margin = round(padding * word.height)
    size = Size(word.height + 2 * margin, word.width + 2 * margin)
    x, y = margin + word.width, margin + word.height
    target = np.array([(margin, margin), (x, margin), (x, y), (margin, y)])
    window, origin = _window(image, corners, reach=max(size))
    # Quads count from the pixels' edges, OpenCV from their centres.
    transform = cv2.getPerspectiveTransform(
        (corners - origin - 0.5).astype(np.float32), (target - 0.5).astype(np.float32)
    )
    crop = cv2.warpPerspective(window, transform, (size.width, size.height), borderMode=cv2.BORDER_REPLICATE)
    scaled = size if height is None else Size(height, max(1, round(size.width * height / size.height)))
    return resize(np.asarray(crop, np.uint8), scaled)


def _usable(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quad itself where it turns right at each corner, else its bounding box, at least a pixel each way."""
    if (turns(corners) > 1e-3).all():
        return corners
    left, top = corners.min(axis=0)
    right, bottom = np.maximum(corners.max(axis=0), (left + 1, top + 1))
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def _window(
    image: NDArray[np.uint8], corners: NDArray[np.float64], reach: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of the image within ``reach`` pixels of the corners, and where in the image it starts, (x, y)."""
    height, width = image.shape[:2]
    left, top = np.clip(corners.min(axis=0) - reach, 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(corners.max(axis=0) + reach, (left + 1, top + 1), (width, height)).astype(int)
    right, bottom = min(right, left + _LONGEST_WINDOW), min(bottom, top + _LONGEST_WINDOW)
    return image[top:bottom, left:right], np.array([left, top], np.float64)
