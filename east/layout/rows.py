"""Rows of tables, receipts and forms: lines side by side that are read as one.

Columns of running text are read one after the other, a table row by row. Both have lines at one height, and so have
lists side by side. What tells tables apart is how many words the lines have: mostly one in the blocks of a table, which
T-Recs goes by too (Kieninger, "Table structure recognition based on robust block segmentation", 1998).

So lines side by side at one height are in one row where at least three such rows, closely one below the other, have
cells in the same columns; the lines of one column mostly have a single word, those of the other few; and the cells of
one are flush: the lines of signs side by side are mostly centred. Of what lies beside such columns in two rows or more,
columns whose lines have few words belong to the table, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner
from .frame import Floats, Indices, Lines, Words, across, chains, unit_vectors

_SHIFT: Final = 0.4
"""How far the middles of two cells may be apart across their row, as a share of the less high one."""

_WIDEST: Final = 60.0
"""The widest gap within a row, as a share of the height."""

_HEIGHTS: Final = 1.6
"""How many times as high one cell may be as another beside or below it."""

_FAR: Final = 6.0
"""How far below a row the next one may be, as a share of the height."""

_FEWEST: Final = 3
"""A table has as many rows at least."""

_SINGLE: Final = 1.5
"""Of two columns, the lines of one have no more words than this on average,"""

_FEW: Final = 4.0
"""those of the other no more than this."""

_AT_ONE_PLACE: Final = 0.4
"""How far apart the beginnings or ends of cells one below the other may be, as a share of the height."""

_FLUSH: Final = 0.6
"""The share of the cells of a column, at least, that begin, or end, below the one above."""

_SAME_DIRECTION: Final = math.cos(math.radians(10))

_ALIKE: Final = 8
"""Blocks whose directions differ by no more degrees have one direction, but for how boxes lean."""

_SHARE: Final = 4.0
"""A block goes by that direction as if this were so many heights of its length: the boxes of short words lean most."""

_STEPS: Final = 36
_STEP: Final = 2 * math.pi / _STEPS
"""Lines are compared with those that are turned by about as much: in steps of ten degrees."""

_LEAN: Final = 0.0886
"""How far aside a line may then be, as a share of how far it is: a little more than the sine of half a step."""


def with_rows(words: Words, lines: list[list[int]], blocks: Sequence[Sequence[int]], known: Lines) -> list[list[int]]:
    """Joins lines that are the cells of one row.

    Args:
        words: of the page.
        lines: the numbers of the words of each.
        blocks: the numbers of the lines of each.
        known: the lines as they lie on the page.
    """
    if len(lines) < 2 * _FEWEST:
        return lines
    column = np.empty(len(lines), np.int64)
    column[[line for block in blocks for line in block]] = [block[0] for block in blocks for _ in block]
    towards = _directions(words, lines, column)
    page = _mean(towards)
    at, drop = known.middles @ page, known.middles @ across(page)
    right = _beside(unit_vectors(towards + _SHARE * known.heights[:, None] * _of_others(towards)), page, known)
    left = np.flatnonzero(right >= 0)
    left = left[np.lexsort((at[left], drop[left]))]
    table, column = _tables(left, right, column, at + known.begins, at + known.ends, drop, known.heights)
    often, flush = _words_in(lines, column), _flush(known, left, right, column)
    within = _in_tables(column[left], column[right[left]], left, right[left], table, often, flush)
    cells = left[within[column[left]] & within[column[right[left]]]]  # those across an empty cell too
    if not len(cells):
        return lines
    following = np.full(len(lines), -1)
    following[cells] = right[cells]
    return [[word for line in row for word in lines[line]] for row in chains(following.tolist())]


def _in_tables(
    one: Indices, other: Indices, left: Indices, right: Indices, table: Indices, often: Floats, flush: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Whether each column, by its number, is one of a table.

    Takes of pairs of cells their columns, the cells, and the table they may belong to; of columns how many words their
    lines have and whether their cells are flush.
    """
    within = np.zeros(len(often), np.bool_)
    fewer, more = np.minimum(often[one], often[other]), np.maximum(often[one], often[other])
    kept = (fewer <= _SINGLE) & (more <= _FEW) & (flush[one] | flush[other])
    pairs = np.bincount(table, minlength=len(table))[table]
    for number in np.unique(table[kept & (pairs >= _FEWEST)]):
        these = kept & (table == number)
        if len(set(left[these].tolist()) - set(right[these].tolist())) >= _FEWEST:
            within[one[these]] = within[other[these]] = True
    beside = (pairs > 1) & (more <= _FEW)  # columns of phrases, or with gaps
    while (more_of_it := beside & (within[one] != within[other])).any():
        within[one[more_of_it]] = within[other[more_of_it]] = True
    return within


def _mean(vectors: Floats) -> Floats:
    """The unit vector in the direction of all together."""
    return np.asarray(unit_vectors(vectors.sum(axis=0)[None])[0])


def _directions(words: Words, lines: Sequence[Sequence[int]], block: Indices) -> Floats:
    """The way from the start to the end of all words in the block of each line together, ``(L, 2)``."""
    along = (words.ends - words.starts)[[word for line in lines for word in line]]
    owner = np.repeat(block, [len(line) for line in lines])
    return np.stack([np.bincount(owner, one, len(lines))[block] for one in along.T], axis=1)


def _of_others(towards: Floats) -> Floats:
    """The direction of all blocks that have about the direction of each, unit vectors ``(L, 2)``."""
    degrees = np.rint(np.degrees(np.arctan2(towards[:, 1], towards[:, 0]))).astype(np.intp) % 360
    sums = np.stack([np.bincount(degrees, one, 360) for one in towards.T], axis=1)
    near: Floats = np.sum([np.roll(sums, turn, axis=0) for turn in range(-_ALIKE, _ALIKE + 1)], axis=0)
    return np.asarray(unit_vectors(near)[degrees])


def _words_in(lines: Sequence[Sequence[int]], column: Indices) -> Floats:
    """How many words the lines of each column have on average, by its number; ``(L,)``."""
    words = np.bincount(column, [len(line) for line in lines], len(lines))
    return np.asarray(words / np.maximum(np.bincount(column, minlength=len(lines)), 1))


def _flush(known: Lines, left: Indices, right: Indices, column: Indices) -> NDArray[np.bool_]:
    """Whether the cells of each column begin or end one below the other, by its number; ``(L,)``."""
    cells = np.unique(np.concatenate([left, right[left]]))
    cells = cells[np.lexsort((known.middles[cells] @ across(_mean(known.units)), column[cells]))]
    upper, lower = cells[:-1], cells[1:]
    same = column[upper] == column[lower]
    upper, lower = upper[same], lower[same]
    apart = ((known.middles[lower] - known.middles[upper]) * known.units[upper]).sum(axis=1)
    room = _AT_ONE_PLACE * np.minimum(known.heights[upper], known.heights[lower])
    kept = np.zeros((2, len(column)))
    for side, edge in enumerate((known.begins, known.ends)):
        np.add.at(kept[side], column[upper], np.abs(apart + edge[lower] - edge[upper]) <= room)
    pairs = np.bincount(column[upper], minlength=len(column))
    return np.asarray((pairs > 0) & (kept.max(axis=0) >= _FLUSH * pairs))


def _beside(units: Floats, page: Floats, known: Lines) -> Indices:
    """The number of the line that goes on in the row of each, -1 where none does.

    Takes the directions of the lines' blocks, and that of the page.
    """
    nearest, distances = np.full((2, len(units)), -1), np.full((3, len(units)), math.inf)
    half = np.maximum(known.ends, -known.begins)
    room = (0.41 + _LEAN * _WIDEST) * known.heights + _LEAN * half
    for lines, down in _alike(units, page):
        drop = known.middles[lines] @ down
        low, high = drop - room[lines], drop + room[lines]
        order = np.argsort(low)
        _find_beside(lines[order], low[order], high[order], units, *known[1:5], nearest, distances)
    (after, before), shifts = nearest, distances[2]
    heights, others = known.heights, known.heights[after]
    smaller = np.minimum(heights, others)
    linked = (after >= 0) & (before[after] == np.arange(len(after))) & (shifts <= _SHIFT * smaller)
    return np.where(linked, after, -1)


def _alike(units: Floats, page: Floats) -> Iterator[tuple[Indices, Floats]]:
    """Lines of about one direction, and the way from line to line there.

    Any two that are `_SAME_DIRECTION` come together where their mean is no more than half a step from that way.
    """
    turns = np.arctan2(units @ across(page), units @ page)
    step = np.rint(turns / _STEP).astype(np.intp) % _STEPS
    used = np.bincount(step, minlength=_STEPS) > 0
    for number in np.flatnonzero(used | (np.roll(used, 1) & np.roll(used, -1))):
        lines = np.flatnonzero((step - number + 1) % _STEPS <= 2)
        yield lines, np.cos(_STEP * number) * across(page) - np.sin(_STEP * number) * page


@entry(
    types.void,
    array(types.int64, 1),
    array(types.float64, 1),
    array(types.float64, 1),
    array(types.float64, 2),
    array(types.float64, 2),
    array(types.float64, 1),
    array(types.float64, 1),
    array(types.float64, 1),
    types.int64[:, ::1],
    types.float64[:, ::1],
    pairs=True,
)
def _find_beside(
    lines: Indices,
    low: Floats,
    high: Floats,
    units: Floats,
    middles: Floats,
    heights: Floats,
    begins: Floats,
    ends: Floats,
    nearest: Indices,
    distances: Floats,
) -> None:
    """Finds the line that is nearest after and before each of some, and how far: the gaps, and the first one's shift.

    Takes the numbers of the lines by where what may touch them begins, and where it begins and ends; the directions of
    all lines' blocks, and what `Lines` has of all. Of two as near it is the one with the higher number.
    """
    for first in range(len(lines)):
        for second in range(first + 1, len(lines)):
            if low[second] > high[first]:
                break
            for i, j in ((lines[first], lines[second]), (lines[second], lines[first])):
                if max(heights[i], heights[j]) >= _HEIGHTS * min(heights[i], heights[j]):
                    continue
                x, y = middles[j, 0] - middles[i, 0], middles[j, 1] - middles[i, 1]
                along, below = x * units[i, 0] + y * units[i, 1], abs(y * units[i, 0] - x * units[i, 1])
                size = heights[i] + heights[j]
                if along <= 0 or below > 0.4 * size + 0.2 * along or along > _WIDEST * size - begins[j] + ends[i]:
                    continue
                right, down = units[i, 0] + units[j, 0], units[i, 1] + units[j, 1]
                length = np.hypot(right, down)
                if length < 2 * _SAME_DIRECTION:
                    continue
                gap = (x * right + y * down) / length + begins[j] - ends[i]
                shift = abs(y * right - x * down) / length
                if gap < 0 or shift > 0.4 * size:
                    continue
                if gap < distances[0, i] or (gap == distances[0, i] and nearest[0, i] < j):
                    nearest[0, i], distances[0, i], distances[2, i] = j, gap, shift
                if gap < distances[1, j] or (gap == distances[1, j] and nearest[1, j] < i):
                    nearest[1, j], distances[1, j] = i, gap


@inner
def _root(parents: Indices, one: int) -> int:
    """The first of what something belongs to."""
    while parents[one] != one:
        parents[one] = parents[parents[one]]
        one = parents[one]
    return one


@entry(
    types.Tuple((types.int64[::1], types.int64[::1])),
    array(types.int64, 1),
    array(types.int64, 1),
    array(types.int64, 1),
    array(types.float64, 1),
    array(types.float64, 1),
    array(types.float64, 1),
    array(types.float64, 1),
    pairs=True,
)
def _tables(
    left: Indices, right: Indices, column: Indices, begins: Floats, ends: Floats, drop: Floats, heights: Floats
) -> tuple[Indices, Indices]:
    """Numbers of the tables that pairs of cells may belong to, and of the columns that lines do.

    Takes the left cells, from the top of the page down, the right one of each line, the first line of the block of
    each, and where lines begin and end along the page, where they lie across it, and their heights.
    """
    tables, columns = np.arange(len(left)), column.copy()
    for one in range(len(left)):
        a = left[one]
        b = right[a]
        for other in range(one + 1, len(left)):
            c = left[other]
            d = right[c]
            if drop[c] - drop[a] > _FAR * heights[a]:
                break
            low, high = min(heights[a], heights[c]), max(heights[a], heights[c])
            if high >= _HEIGHTS * low:
                continue
            first = begins[a] < ends[c] and begins[c] < ends[a]
            second = begins[b] < ends[d] and begins[d] < ends[b]
            if first:
                columns[_root(columns, a)] = _root(columns, c)
            if second:
                columns[_root(columns, b)] = _root(columns, d)
            if first and second:
                tables[_root(tables, one)] = _root(tables, other)
    for one in range(len(left)):
        tables[one] = _root(tables, one)
    for one in range(len(right)):
        columns[one] = _root(columns, one)
    return tables, columns
