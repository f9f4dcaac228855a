"""Words as reading order sees them: where they begin and end, in which direction, how high they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

RIGHT = np.array([1.0, 0.0])


class Words(NamedTuple):
    """The quads of words, and what follows from them; all float64, in pixels.

    Attributes:
        quads: ``(N, 4, 2)``.
        units: reading directions, unit vectors ``(N, 2)``.
        starts, ends: middles of the sides where words begin and end, ``(N, 2)``.
        heights: ``(N,)``.
        usable: whether they are finite, ``(N,)``; others count as points at the origin.
    """

    quads: Floats
    units: Floats
    starts: Floats
    ends: Floats
    heights: Floats
    usable: NDArray[np.bool_]

    @classmethod
    def of(cls, quads: NDArray[Any]) -> Words:
        """Of quads ``(N, 4, 2)``, clockwise from each text's top-left corner."""
        quads = np.array(quads, np.float64).reshape(-1, 4, 2)
        usable = np.isfinite(quads).all(axis=(1, 2))
        if not usable.all():
            quads[~usable] = 0
        starts, ends = (quads[:, 0] + quads[:, 3]) / 2, (quads[:, 1] + quads[:, 2]) / 2
        left, right = quads[:, 3] - quads[:, 0], quads[:, 2] - quads[:, 1]
        heights = (np.hypot(left[:, 0], left[:, 1]) + np.hypot(right[:, 0], right[:, 1])) / 2
        return cls(quads, unit_vectors(ends - starts), starts, ends, heights, usable)


class Lines(NamedTuple):
    """Lines of words as they lie on the page; all float64, in pixels.

    Attributes:
        units: reading directions, unit vectors ``(L, 2)``.
        middles: ``(L, 2)``.
        heights: of the median word, ``(L,)``.
        begins, ends: of the words, along the direction, as seen from the middle: ``(L,)``.
        low, high: corners of the upright rectangle around the words, ``(L, 2)``.
    """

    units: Floats
    middles: Floats
    heights: Floats
    begins: Floats
    ends: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, words: Words, lines: Sequence[Sequence[int]]) -> Lines:
        """Of the numbers of the words of each, of one line or more."""
        members = np.array([word for line in lines for word in line], np.intp)
        lengths = np.array([len(line) for line in lines], np.intp)
        first = np.cumsum(lengths) - lengths
        numbers = np.repeat(np.arange(len(lines)), lengths)
        units = unit_vectors(np.add.reduceat(words.units[members], first))
        heights = words.heights[members]
        heights = heights[np.lexsort((heights, numbers))][first + lengths // 2]
        middles = np.add.reduceat((words.starts + words.ends)[members], first) / (2 * lengths[:, None])
        quads = words.quads[members]
        along = (quads @ units[numbers][:, :, None])[..., 0]
        at = (middles * units).sum(axis=1)
        begins = np.minimum.reduceat(along.min(axis=1), first) - at
        ends = np.maximum.reduceat(along.max(axis=1), first) - at
        low, high = np.minimum.reduceat(quads.min(axis=1), first), np.maximum.reduceat(quads.max(axis=1), first)
        return cls(units, middles, heights, begins, ends, low, high)


def unit_vectors(vectors: Floats, least: float = 0.0) -> Floats:
    """Vectors ``(N, 2)`` brought to length 1; to the right where one is no longer than ``least``."""
    lengths = np.hypot(vectors[:, 0], vectors[:, 1])
    far = lengths > least
    return np.where(far[:, None], vectors / np.where(far, lengths, 1)[:, None], RIGHT)


def across(units: Floats) -> Floats:
    """The vectors ``(..., 2)`` a quarter turn further: of reading directions, the way from line to line."""
    turned = units[..., ::-1].copy()
    turned[..., 0] *= -1
    return turned


def chains(following: Sequence[int]) -> list[list[int]]:
    """The chains of things of which each says which follows it, -1 where none does; a ring begins at its first.

    Each is followed by one at most, so that each is in one chain.
    """
    followers = set(following)
    heads = [one for one in range(len(following)) if one not in followers]
    found: list[list[int]] = []
    seen: set[int] = set()
    for start in [*heads, *range(len(following))]:
        chain: list[int] = []
        one = start
        while one >= 0 and one not in seen:
            seen.add(one)
            chain.append(one)
            one = following[one]
        if chain:
            found.append(chain)
    return found


def quad_around(quads: NDArray[Any]) -> NDArray[np.float32]:
    """The rectangle around quads ``(N, 4, 2)`` in their mean direction, clockwise from its top-left: ``(4, 2)``."""
    words = Words.of(quads)
    [unit] = unit_vectors(words.units.sum(axis=0)[None])
    down = across(unit)
    x, y = words.quads @ unit, words.quads @ down
    corners = [(x.min(), y.min()), (x.max(), y.min()), (x.max(), y.max()), (x.min(), y.max())]
    return np.array([along * unit + drop * down for along, drop in corners], np.float32)
