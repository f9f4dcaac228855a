"""The ground that transparent pictures are laid on: white, or black where white would hide them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WHITE, BLACK = 255, 0

_CLEAR, _SOLID = 64, 192  # opacities below which nothing is seen, and from which on it is a letter, not its shadow
_LIGHT = 160  # a luminance that stands out from black more than from white
_LEAST_CLEAR = 0.2  # share of a picture that letters leave clear; margins and rounded corners are less
_MOST_DARK = 0.05  # share of dark pixels that light letters have at their edges; pages and photographs have more


def choose_ground(rgba: NDArray[np.uint8]) -> int:
    """Chooses white or black for a picture, uint8 ``(H, W, 4)``: whatever its visible parts stand out from.

    It is black where a fifth or more of the picture is clear and nearly all that is solid is light: white letters on
    a transparent ground. Soft shadows do not count, unless there is nothing else.
    """
    opacity = rgba[..., 3]
    if np.count_nonzero(opacity < _CLEAR) < _LEAST_CLEAR * opacity.size:
        return WHITE
    solid = opacity >= _SOLID
    seen = solid if solid.any() else opacity > 0
    luminance = rgba[seen][:, :3] @ np.array([0.299, 0.587, 0.114], np.float32)
    return BLACK if len(luminance) and np.mean(luminance < _LIGHT) < _MOST_DARK else WHITE
