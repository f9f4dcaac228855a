"""From one image's candidates to its scored boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import Candidates
from .nms import locality_aware_nms
from .rbox import decode_quads
from .scores import mean_scores


def extract_boxes(
    candidates: Candidates, nms_threshold: float, box_threshold: float, max_boxes: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Turns one image's candidates into scored boxes.

    Args:
        candidates: the pixels that passed the score threshold.
        nms_threshold: boxes merge, then suppress each other, when their IoU is greater, 0..1.
        box_threshold: a box is dropped when the mean score inside it is lower, 0..1.
        max_boxes: see `locality_aware_nms`.

    Returns:
        quads, float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels, clockwise from the text's top-left
        corner, and their mean scores, float32 ``(M,)``, 0..1; highest score first.

    Raises:
        TooManyBoxesError: more than ``max_boxes`` would have to be compared.
    """
    rows, columns = candidates.pixels.T
    weights = candidates.score_map[rows, columns]
    quads, _ = locality_aware_nms(decode_quads(candidates), weights, nms_threshold, max_boxes)
    scores = mean_scores(candidates.score_map, quads)
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= box_threshold]
    return quads[order], scores[order]
