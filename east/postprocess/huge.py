"""Words too large for the network's frame, found on a reduced copy, among those found at full size."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..geometry import heights, widths

Quads = NDArray[np.float32]
Scores = NDArray[np.float32]

BLUR: Final = 1.5
"""Pixels of the reduced copy by which the sides of a box there lie too far out: letters of 10 to 20 pixels, scaled down
elevenfold, have blurred borders."""

HUGE: Final = 100.0
"""Height in pixels from which a word of the reduced copy counts; what is lower is found at full size."""

_NARROWEST: Final = 0.5
"""Shorter side of such a word, as a share of that: a text that runs downwards is as high as it is long."""

_FRAMED: Final = 170.0
"""Shorter side in pixels from which a word cannot be found at full size, only parts of it."""

_PART: Final = 0.4
"""Share of a word's height from which a box within it is a part of it; a lower one may be a word of its own."""

_INSIDE: Final = 0.6
"""Share of its area from which a box lies within a word."""

_SAME: Final = 0.65
"""Intersection over union from which a box at full size is the word."""

_COVERED: Final = 0.6
"""Share of a word's area from which several boxes at full size are it, and one that is not goes too far."""

_SEVERAL: Final = 0.3
"""Share of a word's area from which each of several boxes counts."""

_LINES: Final = 0.15
"""Share of an area from which low boxes in it are lines of text, which from far away look like one word."""


def with_huge_words(quads: Quads, scores: Scores, huge: Quads, huge_scores: Scores) -> tuple[Quads, Scores]:
    """Adds words from a reduced copy to those found at full size, in place of parts of them and of what goes too far.

    What was found at full size stays, unless it is a part of a huge word, or holds one and much else. A huge word is
    left out where the boxes at full size are that word, or several that it has made one, or the lines of text that it
    was mistaken for.

    Args:
        quads: found at full size, float32 ``(M, 4, 2)``, in network-input pixels, best first.
        scores: theirs, float32 ``(M,)``.
        huge: found on the reduced copy, in the same pixels, float32 ``(H, 4, 2)``, best first.
        huge_scores: theirs, float32 ``(H,)``.

    Returns:
        all words, best first.
    """
    counts = (heights(huge) >= HUGE) & (widths(huge) >= _NARROWEST * HUGE)
    huge, huge_scores = huge[counts], huge_scores[counts]
    if not len(huge):
        return quads, scores
    common, areas, huge_areas = _overlaps(quads, huge)
    large = np.minimum(heights(quads), widths(quads))[:, None] >= _PART * heights(huge)  # text may lie on its side
    shares = common * large / huge_areas
    same = large & (common > _SAME * (areas[:, None] + huge_areas - common))
    several = (shares.sum(axis=0) > _COVERED) & ((shares > _SEVERAL).sum(axis=0) > 1)
    lines = (common * ~large).sum(axis=0) > _LINES * huge_areas
    framed = np.minimum(heights(huge), widths(huge)) < _FRAMED
    added = ~lines & ~(framed & (same.any(axis=0) | several))
    part = large & (common > _INSIDE * areas[:, None])
    too_far = ~same & (shares > _COVERED)
    kept = ~(part | too_far)[:, added].any(axis=1)
    scores = np.concatenate([scores[kept], huge_scores[added]])
    order = np.argsort(-scores, kind="stable")
    return np.concatenate([quads[kept], huge[added]])[order], scores[order]


def _overlaps(quads: Quads, others: Quads) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Areas common to quads ``(M, 4, 2)`` and others ``(H, 4, 2)``, float64 ``(M, H)``, and the areas of both."""
    from .polygon import areas, iou

    a, b = np.ascontiguousarray(quads, np.float64), np.ascontiguousarray(others, np.float64)
    sums = areas(a)[:, None] + areas(b)
    low = np.maximum(a.min(axis=1)[:, None], b.min(axis=1))
    near = (low < np.minimum(a.max(axis=1)[:, None], b.max(axis=1))).all(axis=2)
    common = np.zeros(sums.shape)
    for i, k in np.argwhere(near):
        shared = iou(a[i], b[k])
        common[i, k] = shared / (1 + shared) * sums[i, k]
    return common, areas(a), areas(b)
