"""Words to lines.

Each word looks for the one that goes on where it ends, in its own direction; two words that choose each other stand in
one line. That is the nearest-neighbour grouping of the docstrum (O'Gorman, "The document spectrum for page layout
analysis", 1993), from side to side instead of from centre to centre, so that lines may lie in any direction, bend and
run together in perspective, and words may have any length.
"""

from __future__ import annotations

import numpy as np

from .frame import Floats, Indices, Words, across, chains

_GAP = 1.4
"""The widest gap within a line, as a share of the words' height.

A blank is about 0.3, in justified text up to 1, in a monospaced typeface up to 1.4 between words without high letters.
"""

_GAP_OF_UNLIKE = 0.6
"""Likewise where one is less than half as high as the other, such as a dot, a dash or a price's cents."""

_OVERLAP = 0.6
"""How far the next word may begin before this one ends, likewise."""

_SHIFT = 0.45
"""How far the middles of the two sides may be apart across the line, as a share of the less high one."""

_SAME_DIRECTION = np.cos(np.radians(20))
_CHUNK = 256


def lines_of(words: Words) -> list[list[int]]:
    """Groups words into lines: the numbers of the words of each in reading order, each word in one line."""
    return chains(_following(words).tolist())


def _following(words: Words) -> Indices:
    """The number of the word that follows each in its line, -1 where none does."""
    first, second, cost = _candidates(words)
    falling = np.argsort(-cost, kind="stable")
    first, second = first[falling], second[falling]
    after, before = np.full((2, len(words.quads)), -1)
    after[first], before[second] = second, first  # the last that is written stays: the nearest
    return np.where(before[after] == np.arange(len(after)), after, -1)


def _candidates(words: Words) -> tuple[Indices, Indices, Floats]:
    """Pairs of words of which the second may follow the first, and how far from it that is."""
    near = [_near(words, slice(at, at + _CHUNK)) for at in range(0, len(words.quads), _CHUNK)]
    i, j = (np.concatenate(side) for side in zip(*near, strict=True)) if near else np.zeros((2, 0), np.intp)
    along = words.units[i] + words.units[j]
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    apart = words.starts[j] - words.ends[i]
    gap, shift = (apart * along).sum(axis=1), np.abs((apart * across(along)).sum(axis=1))
    high = words.heights
    low, tall = np.minimum(high[i], high[j]), np.maximum(high[i], high[j])
    unlike = 2 * low < tall
    fits = gap <= np.where(unlike, _GAP_OF_UNLIKE * tall, _GAP * (low + tall) / 2)
    fits &= gap >= -_OVERLAP * low
    fits &= shift <= np.where(unlike, 0.5 * tall, _SHIFT * low)
    initial = 2 * high[j] < high[i]  # what goes on at its top, of several lines beside it
    shift = np.where(initial, np.abs(((words.quads[j, 0] - words.quads[i, 1]) * across(along)).sum(axis=1)), shift)
    return i[fits], j[fits], (np.maximum(gap, 0) + 2 * shift)[fits]


def _near(words: Words, some: slice) -> tuple[Indices, Indices]:
    """Pairs of words, the first among some, that end and begin near each other and have one direction."""
    x, y = (words.starts[None, :, axis] - words.ends[some, None, axis] for axis in (0, 1))
    reach = (_GAP + 0.5) * np.maximum(words.heights[some, None], words.heights)
    close = (x * x + y * y <= reach * reach) & (words.units[some] @ words.units.T > _SAME_DIRECTION)
    close &= words.usable & words.usable[some, None]
    i, j = np.nonzero(close)
    i += some.start
    return i[i != j], j[i != j]
