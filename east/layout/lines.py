"""Words to lines.

Each word looks for the one that goes on where it ends, in its own direction; two words that choose each other stand in
one line. That is the nearest-neighbour grouping of the docstrum (O'Gorman, "The document spectrum for page layout
analysis", 1993), from side to side instead of from centre to centre, so that lines may lie in any direction, bend and
run together in perspective, and words may have any length. What lies between two words of a line is in it, such as a
comma with a box of its own.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner
from .frame import Floats, Indices, Words, across, chains

_GAP: Final = 1.4
"""The widest gap within a line, as a share of the words' height.

A blank is about 0.3, in justified text up to 1, in a monospaced typeface up to 1.4 between words without high letters.
"""

_GAP_OF_UNLIKE: Final = 0.6
"""Likewise where one is less than half as high as the other, such as a dot, a dash or a price's cents.

Not where it is a bullet.
"""

_BULLET: Final = (0.15, 0.5)
"""Height and length of a bullet, likewise."""

_LEVEL: Final = 0.25
"""How far its middle may be from that of the word after it, likewise."""

_APART: Final = 6
"""How far from it the next one may be, likewise: one alone is none."""

_OVERLAP: Final = 0.6
"""How far the next word may begin before this one ends, likewise."""

_SHIFT: Final = 0.45
"""How far the middles of the two sides may be apart across the line, as a share of the less high one."""

_REACH: Final = _GAP + 0.5
"""No word is further from the one that it follows, likewise."""

_INITIAL: Final = 1.6
"""An initial, beside which several lines may lie, is no longer than this, as a share of its height."""

_STACKED: Final = 0.7
"""Words whose middles are further apart across the line are one above the other, as a share of their height."""

_SAME_DIRECTION: Final = math.cos(math.radians(20))


def lines_of(words: Words) -> list[list[int]]:
    """Groups words into lines: the numbers of the words of each in reading order, each word in one line."""
    if not len(words.quads):
        return []
    lengths = np.hypot(*(words.ends - words.starts).T)
    after, before, stacked = _nearest(*words, lengths, np.argsort(words.starts[:, 0]), np.argsort(words.ends[:, 0]))
    linked = (after >= 0) & (before[after] == np.arange(len(after)))
    if stacked.any():
        larger = words.heights > 2 * words.heights[after]
        smaller = words.heights[after] > 2 * words.heights
        linked &= ~(larger & stacked[0] & (lengths > _INITIAL * words.heights)) & ~(smaller & stacked[1][after])
    wide = np.flatnonzero(linked & (2 * words.heights < words.heights[after]))
    if len(wide):
        linked[wide[_alone(words, wide, after[wide])]] = False
    following = np.where(linked, after, -1).tolist()
    return _with_what_lies_between(chains(following), following, after.tolist(), before.tolist())


def _alone(words: Words, bullets: Indices, texts: Indices) -> NDArray[np.bool_]:
    """Which of some words, too far from the higher ones after them but for bullets, have none above or below them."""
    apart = words.starts[texts] - words.ends[bullets]
    high, units = words.heights[texts], words.units[texts]
    far = (apart * units).sum(axis=1) > _GAP_OF_UNLIKE * high
    between = words.starts[bullets][:, None] - words.starts[bullets]
    aside, down = ((between * axis[:, None]).sum(axis=2) for axis in (units, across(units)))
    column = (np.abs(aside) < 0.5 * high[:, None]) & (np.abs(down) < _APART * high[:, None])
    column &= far & (np.maximum(high, high[:, None]) < 1.5 * np.minimum(high, high[:, None]))
    return np.asarray(far & (column.sum(axis=1) < 2))  # each is in its own column


def _with_what_lies_between(
    lines: list[list[int]], following: list[int], after: list[int], before: list[int]
) -> list[list[int]]:
    """Puts what is nearest to two words, each of which is nearest to the other but for that, between them."""
    line_of = {word: number for number, line in enumerate(lines) for word in line}
    starts, ends = {line[0] for line in lines}, {line[-1] for line in lines}
    changed = False
    for number, line in enumerate(lines):
        left, right = before[line[0]], after[line[-1]]
        within = left >= 0 and following[left] == right >= 0
        if within or (left in ends and after[left] != line[0] and line_of.get(after[left]) == number):
            following[left] = line[0]
            changed = True
        if within or (right in starts and before[right] != line[-1] and line_of.get(before[right]) == number):
            following[line[-1]] = right
            changed = True
    return chains(following) if changed else lines


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
def _place(
    i: int, j: int, quads: Floats, units: Floats, starts: Floats, ends: Floats, heights: Floats, lengths: Floats
) -> tuple[float, float]:
    """How far word j is from where it would follow word i in a line, infinite where it cannot; and how far below."""
    x, y = starts[j, 0] - ends[i, 0], starts[j, 1] - ends[i, 1]
    low, tall = min(heights[i], heights[j]), max(heights[i], heights[j])
    reach = _REACH * tall
    if x * x + y * y > reach * reach or units[i, 0] * units[j, 0] + units[i, 1] * units[j, 1] <= _SAME_DIRECTION:
        return math.inf, 0.0
    right, down = units[i, 0] + units[j, 0], units[i, 1] + units[j, 1]
    length = max(np.hypot(right, down), 1e-9)
    right, down = right / length, down / length
    gap, below = x * right + y * down, y * right - x * down
    unlike = 2 * low < tall
    bullet = abs(below) <= _LEVEL * heights[j]
    bullet &= min(heights[i], lengths[i]) > _BULLET[0] * heights[j]
    bullet &= max(heights[i], lengths[i]) < _BULLET[1] * heights[j]
    widest = _GAP * tall if bullet else _GAP_OF_UNLIKE * tall if unlike else _GAP * (low + tall) / 2
    if not -_OVERLAP * low <= gap <= widest or abs(below) > (0.5 * tall if unlike else _SHIFT * low):
        return math.inf, 0.0
    shift = abs(below)
    if 2 * heights[j] < heights[i]:  # an initial: what goes on at its top, of several lines beside it
        x, y = quads[j, 0, 0] - quads[i, 1, 0], quads[j, 0, 1] - quads[i, 1, 1]
        shift = abs(y * right - x * down)
    return float(max(gap, 0.0) + 2 * shift), float(below)


@entry(
    types.Tuple((types.int64[::1], types.int64[::1], types.boolean[:, ::1])),
    array(types.float64, 3),
    array(types.float64, 2),
    array(types.float64, 2),
    array(types.float64, 2),
    array(types.float64, 1),
    array(types.boolean, 1),
    array(types.float64, 1),
    array(types.int64, 1),
    array(types.int64, 1),
    pairs=True,
)
def _nearest(
    quads: Floats,
    units: Floats,
    starts: Floats,
    ends: Floats,
    heights: Floats,
    usable: NDArray[np.bool_],
    lengths: Floats,
    by_start: Indices,
    by_end: Indices,
) -> tuple[Indices, Indices, NDArray[np.bool_]]:
    """The nearest of the words that may follow each, and of those that it may follow; -1 where there is none.

    Takes `Words`, how long they are, and their numbers by where they start and where they end, from left to right. Of
    two as near it is the one with the higher number. Besides, ``(2, N)``, whether words less than half as high lie one
    above the other after each, and before it.
    """
    count = len(quads)
    after, before = np.full(count, -1), np.full(count, -1)
    to_after, to_before = np.full(count, math.inf), np.full(count, math.inf)
    highest, lowest = np.full((2, count), math.inf), np.full((2, count), -math.inf)  # of what is smaller, on each side
    stacked = np.zeros((2, count), np.bool_)
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
                cost, below = _place(i, j, quads, units, starts, ends, heights, lengths)
                if cost == math.inf:
                    continue
                if cost < to_after[i] or (cost == to_after[i] and after[i] < j):
                    after[i], to_after[i] = j, cost
                if cost < to_before[j] or (cost == to_before[j] and before[j] < i):
                    before[j], to_before[j] = i, cost
                if 2 * heights[other] < heights[one] <= 2 * max(heights[other], lengths[other]):  # smaller, no mark
                    below = below if side == 0 else -below
                    highest[side, one], lowest[side, one] = (
                        min(highest[side, one], below),
                        max(lowest[side, one], below),
                    )
                    if lowest[side, one] - highest[side, one] > _STACKED * heights[other]:
                        stacked[side, one] = True
    return after, before, stacked
