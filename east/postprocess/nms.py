"""Locality-aware non-maximum suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TooManyBoxesError


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
            f"the thresholds leave {len(merged):,} boxes to compare, the limit is {max_boxes:,} (max_boxes): "
            "raise score_threshold or lower nms_threshold"
        )
    order = np.argsort(-sums, kind="stable")
    merged, sums = merged[order], sums[order]
    keep = suppress(merged, iou_threshold)
    return merged[keep].astype(np.float32), sums[keep].astype(np.float32)
