"""Words found in an image and in its quarter turns: each once, in the direction in which its text runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import TooManyBoxesError
from ..geometry import heights, widths
from ..types import STRIDE

Quads = NDArray[np.float32]
Scores = NDArray[np.float32]
Floats = NDArray[np.float64]

_SAME: Final = 0.5
"""Share of the smaller one's area from which boxes of different turns are about the same text."""

_TRUST: Final = 2.0
"""How much the odds of a direction grow with those of the map's peak. Fitted alone it would be 3.7, but the words of
a page err together."""

_LYING: Final = 4.0
"""Likewise with the aspect of a box that is higher than wide: text seen lying on its side gives such boxes."""

_USUAL: Final = 0.5
"""Share of the words in a direction from which a box in it needs no more than the score threshold; fewer make a box
more doubtful, which its peak has to make up for."""

_COMPARISONS: Final = 200
"""With how many others a box may be compared, on average; on dense pages it is 1."""

_ROUNDS: Final = 8
"""Of estimating how the text of a page runs; it stands after three or four."""

_CORE: Final = 0.6
"""The part of a box, each way, in which its peak is looked for."""


class Turned(NamedTuple):
    """What was found in one quarter turn of an image, in pixels of the image as it is.

    quads: float32 ``(M, 4, 2)``, clockwise from the top-left corner of the text as it was seen.
    scores: float32 ``(M,)``.
    peaks: float32 ``(M,)``, from `peaks`.
    """

    quads: Quads
    scores: Scores
    peaks: Scores


def in_their_direction(turns: Sequence[Turned], score_threshold: float) -> tuple[Quads, Scores]:
    """Keeps of what was found in the quarter turns of an image each word once, in the direction in which it is read.

    The network's map peaks higher on text that it sees upright: on drawn pages against text seen upside down for 86 of
    100 words, against text seen lying for 99. The peaks, and the aspect of the boxes, give each word odds for the four
    directions; the directions of all words together are what is expected of each (by expectation-maximisation), so
    that a word that tells little follows its page, and one that tells much stands against it. A box in a direction in
    which few words run is sooner taken for none at all.

    Args:
        turns: of each direction what was found.
        score_threshold: of the pixels that boxes were made of, 0..1: the least that a peak can be.

    Returns:
        the words, best score first.

    Raises:
        TooManyBoxesError: lax thresholds left more boxes over each other than can be compared.
    """
    quads = np.concatenate([turn.quads for turn in turns])
    scores = np.concatenate([turn.scores for turn in turns])
    if not len(quads):
        return quads, scores
    direction = np.repeat(np.arange(len(turns)), [len(turn.quads) for turn in turns])
    aspects = widths(quads) / np.maximum(heights(quads), 1e-9)
    peaking = _TRUST * _logits(np.concatenate([turn.peaks for turn in turns]))
    least = _TRUST * _logits(np.array(score_threshold))
    evidence = peaking + _LYING * np.log(np.clip(aspects, 1e-3, 1))
    rivals = _rivals(quads, direction)
    odds = np.full((len(quads), len(turns)), -np.inf)
    np.maximum.at(odds, (rivals[:, 0], direction[rivals[:, 1]]), evidence[rivals[:, 1]])
    odds[np.arange(len(quads)), direction] = evidence
    odds = np.where(np.isfinite(odds), odds, least + _LYING * np.log(0.5))  # as of a faint box that lies on its side
    expected = np.zeros(len(turns))
    kept = _strongest(evidence, rivals)
    for _ in range(_ROUNDS):
        shares = odds[kept] + expected
        shares = np.exp(shares - shares.max(axis=1, keepdims=True))
        total = (shares / shares.sum(axis=1, keepdims=True)).sum(axis=0) + 0.5
        expected = np.log(total / total.sum())
        kept = _strongest(evidence + expected[direction], rivals)
    kept = kept[(peaking - least + expected[direction])[kept] >= np.log(_USUAL)]
    order = kept[np.argsort(-scores[kept], kind="stable")]
    return quads[order], scores[order]


def peaks(score_map: NDArray[np.float32], quads: Quads) -> Scores:
    """The highest scores of the map, float32 ``(h, w)``, in the middles of quads, ``(M, 4, 2)`` in network pixels.

    Returns:
        float32 ``(M,)``; 0 for what lies outside the map.
    """
    across, along = np.meshgrid(_shares(5), _shares(33), indexing="ij")
    weights = np.stack([(1 - along) * (1 - across), along * (1 - across), along * across, (1 - along) * across], -1)
    points = np.rint(weights.reshape(-1, 4) @ quads.astype(np.float64) / STRIDE)  # (M, 165, 2)
    height, width = score_map.shape
    inside = ((points >= 0) & (points < (width, height))).all(axis=2)
    columns, rows = np.moveaxis(np.where(inside[..., None], points, 0).astype(np.intp), -1, 0)
    return np.asarray(np.where(inside, score_map[rows, columns], 0).max(axis=1, initial=0), np.float32)


def _shares(count: int) -> Floats:
    return np.linspace((1 - _CORE) / 2, (1 + _CORE) / 2, count)


def _logits(scores: Scores | Floats) -> Floats:
    scores = np.clip(scores.astype(np.float64), 1e-3, 1 - 1e-3)
    return np.asarray(np.log(scores / (1 - scores)))


def _rivals(quads: Quads, direction: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs ``(P, 2)`` of boxes of different turns that are about the same text, each both ways."""
    from .polygon import pairs_across

    exact = np.ascontiguousarray(quads, np.float64)
    order = np.argsort(exact[:, :, 0].min(axis=1), kind="stable")
    pairs, all_of_them = pairs_across(exact, direction, order, _SAME, _COMPARISONS * len(quads))
    if not all_of_them:
        raise TooManyBoxesError(
            f"the thresholds leave {len(quads):,} boxes in four directions that lie over each other: "
            "raise score_threshold or lower nms_threshold"
        )
    return np.concatenate([pairs, pairs[:, ::-1]])


def _strongest(evidence: Floats, rivals: NDArray[np.int64]) -> NDArray[np.intp]:
    """Those, as indices, that no stronger one which stays is a rival of."""
    count = len(evidence)
    order = np.argsort(-evidence, kind="stable")
    ends = np.searchsorted(rivals[by := np.argsort(rivals[:, 0], kind="stable"), 0], np.arange(count + 1))
    others = rivals[by, 1]
    stays = np.ones(count, np.bool_)
    for one in order.tolist():
        if stays[one]:
            stays[others[ends[one] : ends[one + 1]]] = False
    return np.flatnonzero(stays)
