"""Images on their way into the network, and boxes on their way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from ..options import DEFAULTS, MAX_SIDE, Rounding
from ..types import Size

if TYPE_CHECKING:
    from ..compiled import Entry

compiled_mix_rows: Entry | None = None
"""`east.images.mixing.mix_rows`, once `east.compiling` has imported it: Numba takes long to load for this alone."""


def network_size(size: Size, max_side: int = MAX_SIDE, rounding: Rounding = DEFAULTS.rounding) -> Size:
    """Chooses the size, in multiples of 32, at which the network sees an image of ``size``.

    Args:
        size: the upright image's.
        max_side: longer images are shrunk, keeping their aspect, until the long side is this many pixels.
        rounding: ``down`` rounds each side down to a multiple of 32; ``original`` maps a side that is no multiple of
            32 to ``(side // 32 - 1) * 32`` as the first public EAST code did. No side falls below 32.

    Raises:
        ValueError: ``max_side`` is below 32, or ``rounding`` is neither of the two.
    """
    if max_side < 32:
        raise ValueError(f"max_side must be at least 32, got {max_side}")
    if rounding not in get_args(Rounding):
        raise ValueError(f"rounding must be one of {', '.join(get_args(Rounding))}, got {rounding!r}")
    longest = max(size)
    capped = size if longest <= max_side else [side * max_side // longest for side in size]
    lost = 1 if rounding == "original" else 0
    return Size(*(max(32, side if side % 32 == 0 else (side // 32 - lost) * 32) for side in capped))


def resize(
    image: NDArray[np.uint8], size: Size, into: Callable[[Size], NDArray[np.uint8]] | None = None
) -> NDArray[np.uint8]:
    """Resizes an image, uint8 ``(H, W, 3)``; one that already has the size is returned itself.

    Bilinear, which is how the network was trained and is evaluated. Bilinear looks at two pixels a side whatever
    the scale, so an image that shrinks to less than half is averaged over areas instead, or thin strokes get lost.

    Args:
        image: what is resized.
        size: to bring it to.
        into: gives a contiguous array ``(*size, 3)`` that the result, in any case, is to lie in.
    """
    height, width = image.shape[:2]
    place = None if into is None else into(size)
    if (height, width) == size:
        if place is None:
            return image
        np.copyto(place, image)
        return place
    if height > 2 * size.height or width > 2 * size.width:
        shrunk = min(width, size.width), min(height, size.height)  # areas are averaged only if neither side grows
        image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    if image.shape[1] == size.width:
        place = np.empty((*size, 3), np.uint8) if place is None else place
        _mix_rows(np.ascontiguousarray(image), place)
        return place
    resized = cv2.resize(image, (size.width, size.height), dst=place, interpolation=cv2.INTER_LINEAR)
    return resized.astype(np.uint8, copy=False)


def _mix_rows(image: NDArray[np.uint8], place: NDArray[np.uint8]) -> None:
    """Resizes an image of the same width: rows are but mixed with each other, whatever their bytes are called."""
    compiled = compiled_mix_rows
    if compiled is not None and compiled.ready:  # in a quarter of OpenCV's time
        compiled(image.reshape(len(image), -1), place.reshape(len(place), -1))
        return
    channels = 4 if image.shape[1] % 4 == 0 else 3  # of four OpenCV takes less time
    rows, mixed = image.reshape(len(image), -1, channels), place.reshape(len(place), -1, channels)
    cv2.resize(rows, mixed.shape[1::-1], dst=mixed, interpolation=cv2.INTER_LINEAR)


def to_image_frame(quads: NDArray[np.float32], network: Size, image: Size) -> NDArray[np.float32]:
    """Maps quads, ``(M, 4, 2)`` of ``(x, y)``, from pixels of the network's input to pixels of the upright image."""
    scale = np.array([image.width / network.width, image.height / network.height], np.float32)
    return (quads * scale).astype(np.float32, copy=False)
