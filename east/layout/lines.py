"""Words to lines.

Each word looks for the one that goes on where it ends, in its own direction; two words that choose each other stand in
one line. That is the nearest-neighbour grouping of the docstrum (O'Gorman, "The document spectrum for page layout
analysis", 1993), from side to side instead of from centre to centre, so that lines may lie in any direction, bend and
run together in perspective, and words may have any length.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..postprocess.compiled import array, entry, inner
from .frame import Floats, Indices, Words, chains

_GAP: Final = 1.4
"""The widest gap within a line, as a share of the words' height.

A blank is about 0.3, in justified text up to 1, in a monospaced typeface up to 1.4 between words without high letters.
"""

_GAP_OF_UNLIKE: Final = 0.6
"""Likewise where one is less than half as high as the other, such as a dot, a dash or a price's cents."""

_OVERLAP: Final = 0.6
"""How far the next word may begin before this one ends, likewise."""

_SHIFT: Final = 0.45
"""How far the middles of the two sides may be apart across the line, as a share of the less high one."""

_REACH: Final = _GAP + 0.5
"""No word is further from the one that it follows, likewise."""

_SAME_DIRECTION: Final = math.cos(math.radians(20))


def lines_of(words: Words) -> list[list[int]]:
    """Groups words into lines: the numbers of the words of each in reading order, each word in one line."""
    if not len(words.quads):
        return []
    after, before = _nearest(*words, np.argsort(words.starts[:, 0]), np.argsort(words.ends[:, 0]))
    return chains(np.where(before[after] == np.arange(len(after)), after, -1).tolist())


@inner
def _first(values: Floats, least: float) -> int:
    """The number of the first of rising values that is no less than another."""
    low, high = 0, len(values)
    while low < high:
        middle = (low + high) // 2
        if values[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _cost(i: int, j: int, quads: Floats, units: Floats, starts: Floats, ends: Floats, heights: Floats) -> float:
    """How far word j is from where it would follow word i in a line, infinite where it cannot."""
    x, y = starts[j, 0] - ends[i, 0], starts[j, 1] - ends[i, 1]
    low, tall = min(heights[i], heights[j]), max(heights[i], heights[j])
    reach = _REACH * tall
    if x * x + y * y > reach * reach or units[i, 0] * units[j, 0] + units[i, 1] * units[j, 1] <= _SAME_DIRECTION:
        return math.inf
    right, down = units[i, 0] + units[j, 0], units[i, 1] + units[j, 1]
    length = max(math.hypot(right, down), 1e-9)
    right, down = right / length, down / length
    gap, shift = x * right + y * down, abs(y * right - x * down)
    unlike = 2 * low < tall
    if gap > (_GAP_OF_UNLIKE * tall if unlike else _GAP * (low + tall) / 2) or gap < -_OVERLAP * low:
        return math.inf
    if shift > (0.5 * tall if unlike else _SHIFT * low):
        return math.inf
    if 2 * heights[j] < heights[i]:  # an initial: what goes on at its top, of several lines beside it
        x, y = quads[j, 0, 0] - quads[i, 1, 0], quads[j, 0, 1] - quads[i, 1, 1]
        shift = abs(y * right - x * down)
    return float(max(gap, 0.0) + 2 * shift)


@entry(
    types.Tuple((types.int64[::1], types.int64[::1])),
    array(types.float64, 3),
    array(types.float64, 2),
    array(types.float64, 2),
    array(types.float64, 2),
    array(types.float64, 1),
    array(types.boolean, 1),
    array(types.int64, 1),
    array(types.int64, 1),
)
def _nearest(
    quads: Floats,
    units: Floats,
    starts: Floats,
    ends: Floats,
    heights: Floats,
    usable: NDArray[np.bool_],
    by_start: Indices,
    by_end: Indices,
) -> tuple[Indices, Indices]:
    """The nearest of the words that may follow each, and of those that it may follow; -1 where there is none.

    Takes `Words` and their numbers by where they start and where they end, from left to right. Of two as near it is
    the one with the higher number.
    """
    count = len(quads)
    after, before = np.full(count, -1), np.full(count, -1)
    to_after, to_before = np.full(count, math.inf), np.full(count, math.inf)
    left_starts, left_ends = starts[by_start, 0], ends[by_end, 0]
    for one in range(count):
        if not usable[one]:
            continue
        reach = _REACH * heights[one] * (1 + 1e-9)
        for side in range(2):  # words no higher than this one, that begin where it ends or end where it begins
            order, lefts = (by_start, left_starts) if side == 0 else (by_end, left_ends)
            x = ends[one, 0] if side == 0 else starts[one, 0]
            for at in range(_first(lefts, x - reach), count):
                if lefts[at] > x + reach:
                    break
                other = order[at]
                if other == one or not usable[other] or heights[other] > heights[one]:
                    continue
                i, j = (one, other) if side == 0 else (other, one)
                cost = _cost(i, j, quads, units, starts, ends, heights)
                if cost < to_after[i] or (cost == to_after[i] and after[i] < j and cost < math.inf):
                    after[i], to_after[i] = j, cost
                if cost < to_before[j] or (cost == to_before[j] and before[j] < i and cost < math.inf):
                    before[j], to_before[j] = i, cost
    return after, before
