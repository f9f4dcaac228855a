"""RBOX geometry: from map pixels to quads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import STRIDE, Candidates


def select_candidates(score_map: NDArray[np.float32], geometry: NDArray[np.float32], threshold: float) -> Candidates:
    """Keeps the map pixels that score above the threshold, 0..1, in row-major order.

    A pixel whose score or geometry is NaN or infinite is never a candidate.

    Args:
        score_map: float32 ``(h, w)``.
        geometry: float32 ``(h, w, 5)``: top, right, bottom, left distance in network-input pixels, angle in radians.
        threshold: a candidate's score is greater.

    Raises:
        ValueError: the maps' shapes do not fit together.
    """
    score_map, geometry = np.asarray(score_map, np.float32), np.asarray(geometry, np.float32)
    if score_map.ndim != 2 or geometry.shape != (*score_map.shape, 5):
        raise ValueError(
            f"expected a score map (h, w) and a geometry map (h, w, 5), got {score_map.shape} and {geometry.shape}"
        )
    rows, columns = np.divmod(np.flatnonzero(score_map > threshold), max(score_map.shape[1], 1))
    chosen = geometry[rows, columns]
    finite = np.isfinite(chosen).all(axis=1) & np.isfinite(score_map[rows, columns])
    pixels = np.stack([rows, columns], axis=1).astype(np.int32)
    return Candidates(pixels[finite], chosen[finite], score_map)


def decode_quads(candidates: Candidates) -> NDArray[np.float32]:
    """Turns each candidate's distances and angle into a quad.

    The distances span an upright rectangle around the pixel's image point ``(4j, 4i)``; the angle turns it
    about that point, counter-clockwise as seen on screen when positive. Source: Zhou et al., "EAST: An
    Efficient and Accurate Scene Text Detector" (2017), section 3.3; the sense of rotation is that of the
    TensorFlow implementations of the paper, whose two cases by the angle's sign are this one formula.

    Returns:
        float32 ``(K, 4, 2)``, ``(x, y)`` in network-input pixels, clockwise from the text's top-left corner.
    """
    from .polygon import turned_rectangles

    geometry = np.ascontiguousarray(candidates.geometry, np.float32)
    pixels = np.ascontiguousarray(candidates.pixels, np.int32)
    with np.errstate(invalid="ignore"):  # infinite angles give NaN
        cosines, sines = np.cos(geometry[:, 4]), np.sin(geometry[:, 4])
    return turned_rectangles(pixels, geometry, cosines, sines, STRIDE)
