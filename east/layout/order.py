"""The order in which blocks, and so words, are read.

Of two blocks, one above the other comes first; of two beside each other the left one, unless a third lies between the
rows of both and over both. The order is a topological sort of that. Source: Breuel, "High performance document layout
analysis" (2003), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner
from .bars import bars_of
from .blocks import blocks_of
from .frame import Floats, Indices, Lines, Words, across, unit_vectors
from .lines import lines_of
from .perspective import from_the_front
from .rows import with_rows

Bits = NDArray[np.uint64]

_MOST = 2000
"""More blocks than these are read row by row: comparing each with each takes long."""


def blocks_in_order(quads: NDArray[Any]) -> list[list[list[int]]]:
    """Puts words in the order in which they are read.

    Args:
        quads: ``(N, 4, 2)``, clockwise from each text's top-left corner, in pixels.

    Returns:
        blocks in reading order, in each its lines, in each the numbers of its words; each word is in one line.
    """
    quads = np.reshape(quads, (-1, 4, 2))
    known = np.lexsort(quads.reshape(-1, 8).T)  # so that where two are as near, the order of the input does not decide
    words = Words.of(quads[known])
    cells = lines_of(words)
    words = from_the_front(words, cells)
    lines, blocks = _grouped(words, cells)
    members = [[word for line in block for word in lines[line]] for block in blocks]
    single = np.array([len(block) == 1 for block in blocks], np.bool_)
    return [[known[lines[line]].tolist() for line in blocks[block]] for block in _order(words, members, single)]


def _grouped(words: Words, cells: list[list[int]]) -> tuple[list[list[int]], list[list[int]]]:
    """The numbers of the words of each line, and those of the lines of each block."""
    if not cells:
        return [], []
    known = Lines.of(words, cells)
    blocks = blocks_of(known)
    lines = with_rows(words, cells, blocks, known)
    return lines, blocks if lines is cells else blocks_of(Lines.of(words, lines))


def _order(words: Words, blocks: Sequence[Sequence[int]], single: NDArray[np.bool_]) -> list[int]:
    """The numbers of blocks of words, in reading order; ``single`` are those of one line."""
    if len(blocks) < 2:
        return list(range(len(blocks)))
    members = np.array([word for block in blocks for word in block], np.intp)
    first = np.cumsum([0, *(len(block) for block in blocks[:-1])])
    [unit] = unit_vectors((words.ends - words.starts).sum(axis=0)[None], 0.5 * _length(words))
    x, y = ((words.quads[members] @ axis) for axis in (unit, across(unit)))
    x = np.stack([np.minimum.reduceat(x.min(axis=1), first), np.maximum.reduceat(x.max(axis=1), first)], axis=1)
    y = np.stack([np.minimum.reduceat(y.min(axis=1), first), np.maximum.reduceat(y.max(axis=1), first)], axis=1)
    rows = np.lexsort((y[:, 1], x[:, 1], x[:, 0], y[:, 0]))
    if len(blocks) > _MOST:
        return [int(block) for block in rows]
    x, y = x[rows], y[rows]
    firsts, owner = np.unique(bars_of(x, y, single[rows]), return_inverse=True)
    wide, high = x[firsts], y[firsts]
    for whole, parts in ((wide, x), (high, y)):
        np.minimum.at(whole[:, 0], owner, parts[:, 0])
        np.maximum.at(whole[:, 1], owner, parts[:, 1])
    place = np.empty(len(firsts), np.intp)
    place[_sorted(_before(wide, high))] = np.arange(len(firsts))
    return [int(block) for block in rows[np.lexsort((x[:, 0], place[owner]))]]


def _length(words: Words) -> float:
    """All words' widths together: where their directions differ much, the page has none."""
    along = words.ends - words.starts
    return float(np.hypot(along[:, 0], along[:, 1]).sum())


@inner
def _overlap(x: Floats, i: int, j: int) -> bool:
    """Whether two spans have more than a sliver in common."""
    common = min(x[i, 1], x[j, 1]) - max(x[i, 0], x[j, 0])
    return bool(common > 0.1 * min(x[i, 1] - x[i, 0], x[j, 1] - x[j, 0]))


@inner
def _common(one: Bits, other: Bits) -> bool:
    """Whether two sets of numbers have one in common."""
    word = 0
    while word < len(one) and not one[word] & other[word]:
        word += 1
    return word < len(one)


@entry(types.boolean[:, ::1], array(types.float64, 2), array(types.float64, 2), pairs=True)
def _before(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Whether block i comes before block j, ``(B, B)``, by where they begin and end across and down the page."""
    count = len(x)
    before = np.zeros((count, count), np.bool_)
    lower = np.zeros((count, (count + 63) // 64), np.uint64)  # the blocks below each, a bit for each
    upper = np.zeros_like(lower)
    middle = (y[:, 0] + y[:, 1]) / 2
    for i in range(count):
        for j in range(count):
            if middle[i] < middle[j] and _overlap(x, i, j):
                before[i, j] = True
                lower[i, j // 64] |= np.uint64(1) << np.uint64(j % 64)
                upper[j, i // 64] |= np.uint64(1) << np.uint64(i % 64)
    for i in range(count):
        for j in range(count):
            if x[i, 0] < x[j, 0] and not _overlap(x, i, j):
                before[i, j] = not (_common(lower[i], upper[j]) or _common(upper[i], lower[j]))
    return before


@entry(types.int64[::1], array(types.boolean, 2), pairs=True)
def _sorted(before: NDArray[np.bool_]) -> Indices:
    """A topological sort: the lower number first where there is a choice; a circle is entered at its lowest."""
    count = len(before)
    waits, left, order = np.zeros(count, np.int64), np.ones(count, np.bool_), np.empty(count, np.int64)
    for block in range(count):
        for other in range(count):
            waits[other] += before[block, other]
    for place in range(count):
        chosen = -1
        for block in range(count):
            if left[block] and (chosen < 0 or waits[block] == 0):
                chosen = block
                if waits[block] == 0:
                    break
        order[place] = chosen
        left[chosen] = False
        for block in range(count):
            waits[block] -= before[chosen, block]
    return order
