"""Locality-aware NMS as the paper words it, on Shapely: slow, short, and the measure of the fast one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPoint


def plain_iou(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> float:
    """Intersection over union of the convex hulls of two quads."""
    one, other = MultiPoint(a).convex_hull, MultiPoint(b).convex_hull
    union = float(one.union(other).area)
    return float(one.intersection(other).area) / union if union else 0.0


def weighted_mean(
    g: NDArray[np.float64], p: NDArray[np.float64], score_g: float, score_p: float
) -> NDArray[np.float64]:
    """Mean of two quads' corners, those of ``p`` first turned to where they lie nearest to ``g``'s."""
    turned = min((np.roll(p, -turn, axis=0) for turn in range(4)), key=lambda q: float(((q - g) ** 2).sum()))
    mean: NDArray[np.float64] = (score_g * g + score_p * turned) / (score_g + score_p)
    return mean


def plain_nms(
    quads: NDArray[np.float32], scores: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Remaining quads and their summed scores, best first."""
    merged: list[tuple[NDArray[np.float64], float]] = []
    for quad, score in zip(quads.astype(np.float64), scores.tolist(), strict=True):
        if merged and plain_iou(merged[-1][0], quad) > threshold:
            last, total = merged.pop()
            merged.append((weighted_mean(last, quad, total, score), total + score))
        else:
            merged.append((quad, score))
    kept: list[tuple[NDArray[np.float64], float]] = []
    for quad, total in sorted(merged, key=lambda item: -item[1]):
        if all(plain_iou(quad, better) <= threshold for better, _ in kept):
            kept.append((quad, total))
    return np.array([quad for quad, _ in kept]).reshape(-1, 4, 2), np.array([total for _, total in kept])
