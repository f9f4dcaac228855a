"""Lines to blocks: paragraphs, columns, signs.

A line belongs to the one above it where they have one direction and about one height, lie closely one below the other
and neither has a second such neighbour beside the first: a heading over two columns belongs to neither. As in the
docstrum (O'Gorman 1993), but for that last rule.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner
from .frame import Floats, Indices, Lines, chains

_GAP: Final = 1.1
"""The widest gap between lines of a block, as a share of their height."""

_OVERLAP: Final = 0.7
"""How far a line may reach into the one above, likewise: boxes include what hangs below the baseline."""

_BELOW: Final = 0.25
"""The share of the shorter line that lies below the other."""

_HEIGHTS: Final = 1.6
"""How many times as high one line may be as the other."""

_LEVEL: Final = 0.5
"""Neighbours whose gaps differ by no more, as a share of the height, lie beside each other."""

_LEAN: Final = 0.2
"""How much nearer a line may come that leans, as a share of how far aside its middle is."""

_SAME_DIRECTION: Final = math.cos(math.radians(12))


def blocks_of(lines: Lines) -> list[list[int]]:
    """Groups lines into blocks: the numbers of the lines of each from top to bottom, each line in one block."""
    count = len(lines.heights)
    following = np.full(count, -1)
    if count > 1:
        (upper, lower), gap = _neighbours(lines)
        level = _nearest(upper, gap, count) & _nearest(lower, gap, count)
        upper, lower = upper[level], lower[level]
        alone = (np.bincount(upper, minlength=1)[upper] == 1) & (np.bincount(lower, minlength=1)[lower] == 1)
        following[upper[alone]] = lower[alone]
    return chains(following.tolist())


def _neighbours(lines: Lines) -> tuple[Indices, Floats]:
    """Lines of which one lies closely below the other: the upper and the lower ones, ``(2, P)``, their gaps."""
    room = (1 + _GAP) * _HEIGHTS * lines.heights + 0.02 * (lines.ends - lines.begins)
    low, high = lines.low - room[:, None], lines.high + room[:, None]
    axis = int(np.argmin((high - low).sum(axis=0)))  # along which there is least beside each line
    pairs, gaps = _close(*lines[:5], low, high, axis, np.argsort(low[:, axis]))
    return pairs.T, gaps


def _nearest(line: Indices, gap: Floats, lines: int) -> NDArray[np.bool_]:
    """Of each line's neighbours on one side, the nearest and those that lie beside it."""
    nearest = np.full(lines, np.inf)
    np.minimum.at(nearest, line, gap)
    return np.asarray(gap <= nearest[line] + _LEVEL)


@inner
def _gap(i: int, j: int, units: Floats, middles: Floats, heights: Floats, begins: Floats, ends: Floats) -> float:
    """How far below line i line j begins, in heights; infinite where they are no neighbours."""
    if not (heights[j] < _HEIGHTS * heights[i] and heights[j] * _HEIGHTS > heights[i]):
        return math.inf
    ux, uy = units[i, 0], units[i, 1]
    if not ux * units[j, 0] + uy * units[j, 1] > _SAME_DIRECTION:
        return math.inf
    x, y = middles[j, 0] - middles[i, 0], middles[j, 1] - middles[i, 1]
    drop, aside = ux * y - uy * x, abs(ux * x + uy * y)
    if not -_LEAN * aside < drop < (1 + _GAP) * _HEIGHTS * heights[i] + _LEAN * aside:
        return math.inf
    ux, uy = ux + units[j, 0], uy + units[j, 1]
    length = np.hypot(ux, uy)
    ux, uy = ux / length, uy / length
    upper, lower = middles[i, 0] * ux + middles[i, 1] * uy, middles[j, 0] * ux + middles[j, 1] * uy
    left, right = max(upper + begins[i], lower + begins[j]), min(upper + ends[i], lower + ends[j])
    if not (right > left and right - left >= _BELOW * min(ends[i] - begins[i], ends[j] - begins[j])):
        return math.inf
    middle = (left + right) / 2
    above = (middle - upper) / (units[i, 0] * ux + units[i, 1] * uy)
    below = (middle - lower) / (units[j, 0] * ux + units[j, 1] * uy)
    x = middles[j, 0] + below * units[j, 0] - (middles[i, 0] + above * units[i, 0])
    y = middles[j, 1] + below * units[j, 1] - (middles[i, 1] + above * units[i, 1])
    gap = (y * ux - x * uy) / max((heights[i] + heights[j]) / 2, 1e-9) - 1
    return gap if -_OVERLAP <= gap <= _GAP else math.inf


@entry(
    types.Tuple((types.int64[:, ::1], types.float64[::1])),
    array(types.float64, 2),
    array(types.float64, 2),
    array(types.float64, 1),
    array(types.float64, 1),
    array(types.float64, 1),
    array(types.float64, 2),
    array(types.float64, 2),
    types.int64,
    array(types.int64, 1),
    pairs=True,
)
def _close(
    units: Floats,
    middles: Floats,
    heights: Floats,
    begins: Floats,
    ends: Floats,
    low: Floats,
    high: Floats,
    axis: int,
    order: Indices,
) -> tuple[Indices, Floats]:
    """Pairs of lines of which the second lies closely below the first, ``(P, 2)``, and their gaps in heights.

    Takes what `Lines` has of each, the bounds of what may touch it, and the numbers of the lines by the lower of its
    bounds along an axis.
    """
    count, found = len(order), 0
    pairs, gaps = np.empty((64, 2), np.int64), np.empty(64)
    for first in range(count):
        one = order[first]
        for second in range(first + 1, count):
            other = order[second]
            if low[other, axis] > high[one, axis]:
                break
            if low[other, 1 - axis] > high[one, 1 - axis] or high[other, 1 - axis] < low[one, 1 - axis]:
                continue
            for i, j in ((one, other), (other, one)):
                gap = _gap(i, j, units, middles, heights, begins, ends)
                if gap == math.inf:
                    continue
                if found == len(gaps):
                    longer, wider = np.empty((2 * found, 2), np.int64), np.empty(2 * found)
                    for k in range(found):  # slices take Numba seconds to compile
                        longer[k, 0], longer[k, 1], wider[k] = pairs[k, 0], pairs[k, 1], gaps[k]
                    pairs, gaps = longer, wider
                pairs[found, 0], pairs[found, 1], gaps[found] = i, j, gap
                found += 1
    return pairs[:found], gaps[:found]
