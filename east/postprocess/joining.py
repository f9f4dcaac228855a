"""The pieces in which a long word may come out of non-maximum suppression, joined to one box."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..geometry import heights, widths
from ..types import STRIDE

Quads = NDArray[np.float32]
Scores = NDArray[np.float32]

_SEAM: Final = 0.5
"""The least that the map has to score everywhere on the line between two pieces.

Gaps cannot tell pieces of a word from words: both overlap or lie up to half a height apart. But between words the map
falls to 0.15 or less nearly always, and within a word it does not."""

_STANDING: Final = 1.5
_SLANTED: Final = math.sin(math.radians(20))
"""Height of a box in widths, and slope of its top, from which its text runs along its height, whatever it is named.

The network takes the top of text for a side where it is turned by more than 45 degrees. What is less slanted is left
alone: of two boxes one under the other, upright letters or lines, the lower one is as often a word of its own."""


def join(quads: Quads, scores: Scores, score_map: NDArray[np.float32]) -> tuple[Quads, Scores]:
    """Joins boxes that are pieces of one word.

    Two boxes are where they are about equally high, have about one direction, follow each other on one line without a
    gap of over half a height, neither inside the other, and the score map says that there is text all the way from one
    to the other. Slanted ones that are clearly higher than wide may follow each other downwards as well. A box that is
    no such piece stays as it is.

    Args:
        quads: float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels, best first.
        scores: theirs, float32 ``(M,)``.
        score_map: float32 ``(h, w)``, at stride 4.

    Returns:
        the boxes, best first; a joined one has the score of its best piece.
    """
    quads, kept = _in_line(quads, score_map)
    scores = scores[kept]
    standing = _named_by_their_side(quads)
    if len(standing) < 2:
        return quads, scores
    lying, whole = _in_line(np.roll(quads[standing], -1, axis=1), score_map)
    if len(whole) == len(standing):
        return quads, scores
    joined = quads.copy()
    joined[standing[whole]] = np.roll(lying, 1, axis=1)
    kept = np.delete(np.arange(len(quads)), np.delete(standing, whole))
    return joined[kept], scores[kept]


def _named_by_their_side(quads: Quads) -> NDArray[np.intp]:
    """Which boxes, as indices, are of text that is turned by more than 45 degrees, but not of any that is upright."""
    along, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    squares, slopes = (along * along).sum(axis=1), np.abs(along[:, 1])
    stand = (down * down).sum(axis=1) > _STANDING * _STANDING * squares
    return np.flatnonzero(stand & (slopes * slopes > _SLANTED * _SLANTED * squares))


def _in_line(quads: Quads, score_map: NDArray[np.float32]) -> tuple[Quads, NDArray[np.intp]]:
    """Joins boxes that follow each other from left to right as they are named; of which, as indices, what is left."""
    own = np.arange(len(quads))
    if len(quads) < 2:
        return quads, own
    from .seams import groups_without_gaps

    exact = np.ascontiguousarray(quads, np.float64)
    order = np.argsort(exact[:, :, 0].min(axis=1), kind="stable")
    first = groups_without_gaps(exact, order, np.ascontiguousarray(score_map, np.float32), STRIDE, _SEAM)
    kept = np.flatnonzero(first == own)
    if len(kept) == len(own):
        return quads, own
    joined = np.array(quads, np.float32)
    for best in np.unique(first[first != own]).tolist():
        joined[best] = _around(exact[first == best])
    return joined[kept], kept


def _around(pieces: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rectangle, ``(4, 2)``, around pieces ``(P, 4, 2)`` of one word: from end to end, of their mean height."""
    lengths = widths(pieces)
    along = (pieces[:, 1] - pieces[:, 0] + pieces[:, 2] - pieces[:, 3]).sum(axis=0)
    along /= np.hypot(*along)
    places = pieces.mean(axis=1) @ along
    starts, ends = (pieces[:, [0, 3]].mean(axis=1), pieces[:, [1, 2]].mean(axis=1))
    start, end = starts[np.argmin(places)], ends[np.argmax(places)]
    along = (end - start) / np.hypot(*(end - start))
    across = np.array([-along[1], along[0]])
    reach = (pieces.reshape(-1, 2) - start) @ along
    middle = np.average((pieces.mean(axis=1) - start) @ across, weights=lengths)
    half = np.average(heights(pieces), weights=lengths) / 2
    corners = ((reach.min(), -half), (reach.max(), -half), (reach.max(), half), (reach.min(), half))
    return np.array([start + u * along + (middle + v) * across for u, v in corners])
