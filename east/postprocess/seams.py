"""Pairs of boxes that may be pieces of one word, compiled by Numba. What they have to fulfil is told in `joining`."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner
from .polygon import Floats

_ALIKE: Final = 0.65
"""Height of the lower of two pieces, as a share of the other's."""

_PARALLEL: Final = math.cos(math.radians(8))
"""Cosine of the most that their directions may differ."""

_ASIDE: Final = 0.25
"""The most that one may lie above or below the other where they meet, in heights of the lower one."""

_GAP: Final = 0.5
"""The widest gap between them, in such heights; they may overlap."""

_BEYOND: Final = 0.3
"""How far each has to go on beyond the other, in such heights."""

_INTO: Final = 0.5
"""How far into each of them the line between them begins and ends, in such heights."""


@inner
def _between(score_map: NDArray[np.float32], x: float, y: float) -> float:
    """The map at a point in its pixels, between four of which it may lie; 0 beyond the map."""
    j, i = math.floor(x), math.floor(y)
    height, width = score_map.shape
    if not (0 <= i < height and 0 <= j < width):
        return 0.0
    right, below = min(j + 1, width - 1), min(i + 1, height - 1)
    upper = float(score_map[i, j]) + (x - j) * float(score_map[i, right] - score_map[i, j])
    lower = float(score_map[below, j]) + (x - j) * float(score_map[below, right] - score_map[below, j])
    return upper + (y - i) * (lower - upper)


@inner
def _lowest(score_map: NDArray[np.float32], x0: float, y0: float, x1: float, y1: float) -> float:
    """The lowest score on a line between two points, in pixels of the map, looked at twice a pixel."""
    steps = int(2 * np.hypot(x1 - x0, y1 - y0)) + 2
    lowest = 1.0
    for step in range(steps + 1):
        share = step / steps
        lowest = min(lowest, _between(score_map, x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
    return lowest


@inner
def _sides(quad: Floats, out: Floats) -> None:
    """Writes the bounds with a quarter of a height around, height, width and direction of a quad to ``out`` (8,)."""
    x = 0.5 * (quad[1, 0] - quad[0, 0] + quad[2, 0] - quad[3, 0])
    y = 0.5 * (quad[1, 1] - quad[0, 1] + quad[2, 1] - quad[3, 1])
    left = np.hypot(quad[3, 0] - quad[0, 0], quad[3, 1] - quad[0, 1])
    right = np.hypot(quad[2, 0] - quad[1, 0], quad[2, 1] - quad[1, 1])
    width, height = max(np.hypot(x, y), 1e-9), max(0.5 * (left + right), 1e-9)
    out[0], out[1], out[2], out[3] = quad[0, 0], quad[0, 1], quad[0, 0], quad[0, 1]
    for k in range(1, 4):
        out[0], out[1] = min(out[0], quad[k, 0]), min(out[1], quad[k, 1])
        out[2], out[3] = max(out[2], quad[k, 0]), max(out[3], quad[k, 1])
    for k in range(2):
        out[k] -= _GAP / 2 * height
        out[2 + k] += _GAP / 2 * height
    out[4], out[5], out[6], out[7] = height, width, x / width, y / width


@inner
def _go_on(a: Floats, b: Floats, quads: Floats, i: int, j: int, score_map: NDArray[np.float32], stride: float) -> float:
    """The lowest score on the seam of quad i, with sides ``a``, and quad j to its right; -1 where there is none."""
    low = min(a[4], b[4])
    x, y = a[5] * a[6] + b[5] * b[6], a[5] * a[7] + b[5] * b[7]
    length = max(np.hypot(x, y), 1e-9)
    x, y = x / length, y / length
    end_x, end_y = 0.5 * (quads[i, 1, 0] + quads[i, 2, 0]), 0.5 * (quads[i, 1, 1] + quads[i, 2, 1])
    start_x, start_y = 0.5 * (quads[j, 0, 0] + quads[j, 3, 0]), 0.5 * (quads[j, 0, 1] + quads[j, 3, 1])
    gap = (start_x - end_x) * x + (start_y - end_y) * y
    aside = (start_y - end_y) * x - (start_x - end_x) * y
    after = b[5] + gap  # both have about this direction
    before = a[5] + gap
    if gap > _GAP * low or abs(aside) > _ASIDE * low or min(after, before) < _BEYOND * low:
        return -1.0
    into = _INTO * low
    return _lowest(
        score_map,
        (end_x - into * x) / stride,
        (end_y - into * y) / stride,
        (start_x + into * x) / stride,
        (start_y + into * y) / stride,
    )


@inner
def _first(first: NDArray[np.int64], k: int) -> int:
    """The first of the group that k is in, following those it was joined to."""
    while first[k] != k:
        first[k] = first[first[k]]
        k = first[k]
    return k


@entry(
    types.int64[::1],
    array(types.float64, 3),
    array(types.int64, 1),
    array(types.float32, 2),
    types.float64,
    types.float64,
    pairs=True,
)
def groups_without_gaps(
    quads: Floats, order: NDArray[Any], score_map: NDArray[np.float32], stride: float, least: float
) -> NDArray[np.int64]:
    """Groups quads that go on in each other.

    Takes finite quads, float64 ``(M, 4, 2)``, ``order``, int64 ``(M,)``, by which their left edges do not decrease,
    and a score map, float32 ``(h, w)``, with a pixel for ``stride`` of theirs. Two are of one group where the lowest
    score on the line between them is ``least`` or more. Returns for each the first of its group, int64 ``(M,)``.
    """
    about = np.empty((len(quads), 8))
    widest = 0.0
    for k in range(len(quads)):
        _sides(quads[k], about[k])
        widest = max(widest, about[k, 4])
    reach = _GAP / 2 * widest  # the order is that of bare quads
    group = np.arange(len(quads))
    for first in range(len(order)):
        i = order[first]
        a = about[i]
        for second in range(first + 1, len(order)):
            j = order[second]
            b = about[j]
            if b[0] > a[2]:
                if b[0] > a[2] + reach:
                    break
                continue
            if b[1] > a[3] or b[3] < a[1]:
                continue
            if min(a[4], b[4]) < _ALIKE * max(a[4], b[4]) or a[6] * b[6] + a[7] * b[7] < _PARALLEL:
                continue
            one, other = _first(group, i), _first(group, j)
            if one == other:
                continue
            x = 0.0
            for corner in range(4):
                for axis in range(2):
                    x += (quads[j, corner, axis] - quads[i, corner, axis]) * (a[6 + axis] + b[6 + axis])
            left, right = (i, j) if x > 0.0 else (j, i)
            if _go_on(about[left], about[right], quads, left, right, score_map, stride) >= least:
                group[max(one, other)] = min(one, other)
    for k in range(len(quads)):
        group[k] = _first(group, k)
    return group
