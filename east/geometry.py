"""Areas, sides and directions of quads: plain NumPy, for any number of them at once.

A quad is ``(4, 2)``, corners ``(x, y)`` with y downwards; "clockwise" is as seen on the screen. Overlaps, and areas
of quads whose corners may come in any order, are in `east.postprocess.polygon`.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Quads = TypeVar("Quads", bound=NDArray[Any])


def signed_areas(quads: NDArray[Any]) -> NDArray[np.float64]:
    """Areas enclosed with orientation, positive when clockwise; lobes of a self-crossing quad cancel.

    Args:
        quads: numbers ``(..., 4, 2)``.

    Returns:
        float64 ``(...)``, square pixels.
    """
    x, y = np.moveaxis(np.asarray(quads, np.float64), -1, 0)
    return np.asarray((x * np.roll(y, -1, axis=-1) - np.roll(x, -1, axis=-1) * y).sum(axis=-1) / 2)


def clockwise(quads: Quads) -> Quads:
    """Quads ``(..., 4, 2)`` with those that run counter-clockwise reversed; the first corner stays first."""
    turned = quads[..., [0, 3, 2, 1], :]
    return np.where((signed_areas(quads) < 0)[..., None, None], turned, quads)  # type: ignore[return-value]


def turns(quads: NDArray[Any]) -> NDArray[np.float64]:
    """Cross products of each side and the one after it, ``(..., 4)``: positive where a quad turns right."""
    sides = np.roll(np.asarray(quads, np.float64), -1, axis=-2) - quads
    following = np.roll(sides, -1, axis=-2)
    return np.asarray(sides[..., 0] * following[..., 1] - sides[..., 1] * following[..., 0])


def side_lengths(quads: NDArray[Any]) -> NDArray[np.float64]:
    """Lengths of the top, right, bottom and left sides of quads ``(..., 4, 2)``: float64 ``(..., 4)``, pixels."""
    sides = np.roll(np.asarray(quads, np.float64), -1, axis=-2) - quads
    return np.asarray(np.hypot(sides[..., 0], sides[..., 1]))


def heights(quads: NDArray[Any]) -> NDArray[np.float64]:
    """Mean lengths of the left and right sides of quads ``(..., 4, 2)``: float64 ``(...)``, pixels."""
    return np.asarray(side_lengths(quads)[..., 1::2].mean(axis=-1))


def widths(quads: NDArray[Any]) -> NDArray[np.float64]:
    """Mean lengths of the top and bottom sides of quads ``(..., 4, 2)``: float64 ``(...)``, pixels."""
    return np.asarray(side_lengths(quads)[..., 0::2].mean(axis=-1))


def angles(quads: NDArray[Any]) -> NDArray[np.float64]:
    """Reading directions of quads ``(..., 4, 2)``: float64 ``(...)``, degrees in -180..180, 0 right, 90 downwards."""
    corners = np.asarray(quads, np.float64)
    along = (corners[..., 1, :] - corners[..., 0, :]) + (corners[..., 2, :] - corners[..., 3, :])
    return np.asarray(np.degrees(np.arctan2(along[..., 1], along[..., 0])))


def inset(quads: NDArray[np.float32], margin: float) -> NDArray[np.float32]:
    """Moves the sides of quads, float32 ``(N, 4, 2)``, inwards by ``margin``, at most by three tenths of a quad."""
    across = np.minimum(margin / np.maximum(widths(quads), 1e-6), 0.3)[:, None, None]
    down = np.minimum(margin / np.maximum(heights(quads), 1e-6), 0.3)[:, None, None]
    narrow = quads + across * (quads[:, [1, 0, 3, 2]] - quads)
    return np.asarray(narrow + down * (narrow[:, [3, 2, 1, 0]] - narrow), np.float32)
