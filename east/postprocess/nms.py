"""Locality-aware non-maximum suppression and the scoring of boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TooManyBoxesError
from ..types import STRIDE, Candidates, Thresholds
from .rbox import decode_quads

_FAR = 2.0**20
"""Pixels: further corners are brought this near before drawing, whose integers they would overflow."""


def locality_aware_nms(
    quads: NDArray[np.float32], scores: NDArray[np.float32], iou_threshold: float, max_boxes: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Merges overlapping quads that follow each other, then suppresses what still overlaps a better one.

    The first pass walks the quads as given (row-major order of their pixels) and merges each into the merged
    quad before it, by score-weighted mean, while their IoU is greater than the threshold; scores add up. The
    second is ordinary NMS by summed score. Source: Zhou et al., EAST (2017), section 3.6 and algorithm 1.
    Corners are averaged with their nearest counterparts, because near 45 degrees neighbouring pixels may
    name the corners of one word a quarter turn apart.

    Args:
        quads: float32 ``(K, 4, 2)``, clockwise. Those that are flat or not finite are left out.
        scores: float32 ``(K,)``. Those that are not positive are left out with their quads.
        iou_threshold: 0..1.
        max_boxes: most quads that the second pass, whose time may grow with their square, is given.

    Returns:
        the remaining quads, float32 ``(M, 4, 2)``, and their summed scores, float32 ``(M,)``, best first.

    Raises:
        ValueError: the arrays' shapes do not fit together.
        TooManyBoxesError: the first pass left more than ``max_boxes``.
    """
    from .polygon import merge_runs, suppress

    if quads.shape[1:] != (4, 2) or scores.shape != quads.shape[:1]:
        raise ValueError(f"expected quads (K, 4, 2) and scores (K,), got {quads.shape} and {scores.shape}")
    merged, sums = merge_runs(
        np.ascontiguousarray(quads, np.float64), np.ascontiguousarray(scores, np.float64), iou_threshold
    )
    if max_boxes is not None and len(merged) > max_boxes:
        raise TooManyBoxesError(
            f"the thresholds leave {len(merged):,} boxes to compare, the limit is {max_boxes:,}: "
            "raise score_threshold or lower nms_threshold"
        )
    order = np.argsort(-sums, kind="stable")
    merged, sums = merged[order], sums[order]
    kept = suppress(merged, iou_threshold)
    return merged[kept].astype(np.float32), sums[kept].astype(np.float32)


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


def extract_boxes(
    candidates: Candidates, thresholds: Thresholds, max_boxes: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turns one image's candidates into scored boxes.

    Args:
        candidates: the pixels that passed the score threshold.
        thresholds: of which ``nms`` and ``box`` are used.
        max_boxes: see `locality_aware_nms`.

    Returns:
        quads, float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels, clockwise from the text's top-left
        corner, and their mean scores, float32 ``(M,)``, 0..1; highest score first.

    Raises:
        TooManyBoxesError: more than ``max_boxes`` would have to be compared.
    """
    rows, columns = candidates.pixels.T
    weights = candidates.score_map[rows, columns]
    quads, _ = locality_aware_nms(decode_quads(candidates), weights, thresholds.nms, max_boxes)
    scores = mean_scores(candidates.score_map, quads)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= thresholds.box]
    return quads[order], scores[order]
