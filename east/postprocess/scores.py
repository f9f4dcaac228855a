"""How sure the network is of a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import STRIDE

_FAR = 2.0**20
"""Pixels: further corners are brought this near before drawing, whose integers they would overflow."""


def mean_scores(score_map: NDArray[np.float32], quads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages the score map over the pixels of each quad.

    Args:
        score_map: float32 ``(h, w)``.
        quads: float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels.

    Returns:
        float32 ``(M,)``; 0 for a quad that is flat, not finite or outside the map.
    """
    import cv2

    from .polygon import areas

    means = np.zeros(len(quads), np.float32)
    sound = np.flatnonzero(areas(np.ascontiguousarray(quads, np.float64)))
    corners = np.floor(np.clip(quads[sound], -_FAR, _FAR) / STRIDE).astype(np.int32)  # (M, 4, 2) map pixels
    edge = score_map.shape[::-1]
    starts = np.clip(corners.min(axis=1), 0, edge)
    stops = np.clip(corners.max(axis=1) + 1, 0, edge)
    for k, polygon, (x0, y0), (x1, y1) in zip(sound, corners, starts.tolist(), stops.tolist(), strict=True):
        if x0 < x1 and y0 < y1:
            mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
            cv2.fillPoly(mask, [polygon], (1,), offset=(-x0, -y0))
            means[k] = cv2.mean(score_map[y0:y1, x0:x1], mask)[0]
    return means
