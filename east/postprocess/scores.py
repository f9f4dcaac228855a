"""From one image's candidates to its scored boxes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..types import STRIDE, Candidates, Scoring
from .confidence import ConfidenceCurve, core_peaks
from .nms import locality_aware_nms
from .rbox import decode_quads

Scorer: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""Takes a score map, float32 ``(h, w)``, and quads, float32 ``(M, 4, 2)``; gives a score for each, ``(M,)``."""

_FAR = 2.0**20
"""Pixels: further corners are brought this near before drawing, whose integers they would overflow."""


def extract_boxes(
    candidates: Candidates,
    nms_threshold: float,
    box_threshold: float,
    max_boxes: int | None = None,
    score: Scorer | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turns one image's candidates into scored boxes.

    Args:
        candidates: the pixels that passed the score threshold.
        nms_threshold: boxes merge, then suppress each other, when their IoU is greater, 0..1.
        box_threshold: a box is dropped when its score is lower, 0..1.
        max_boxes: see `locality_aware_nms`.
        score: what scores them; `mean_scores`, as in the original code, where nothing else is given.

    Returns:
        quads, float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels, clockwise from the text's top-left
        corner, and their scores, float32 ``(M,)``, 0..1; highest score first.

    Raises:
        TooManyBoxesError: more than ``max_boxes`` would have to be compared.
    """
    rows, columns = candidates.pixels.T
    weights = candidates.score_map[rows, columns]
    quads, _ = locality_aware_nms(decode_quads(candidates), weights, nms_threshold, max_boxes)
    scores = (score or mean_scores)(candidates.score_map, quads)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= box_threshold]
    return quads[order], scores[order]


def scorer(scoring: Scoring, curve: ConfidenceCurve | None) -> Scorer:
    """What scores boxes by a rule of `east.options.CallOptions`; ``curve`` is the weights', if they have one."""
    if scoring == "original":
        return mean_scores
    if scoring == "peak" or curve is None:
        return core_peaks
    return lambda score_map, quads: curve(core_peaks(score_map, quads))


def mean_scores(score_map: NDArray[np.float32], quads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Averages the score map, float32 ``(h, w)``, over the pixels of each quad.

    ``quads`` are float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels.
    Returns float32 ``(M,)``; 0 for a quad that is flat, not finite or outside the map.
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
