"""The order in which blocks, and so words, are read.

Of two blocks, one above the other comes first; of two beside each other the left one, unless a third lies between the
rows of both and over both. The order is a topological sort of that. Source: Breuel, "High performance document layout
analysis" (2003), section 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import blocks_of
from .frame import Floats, Words, across, unit_vectors
from .lines import lines_of

_MOST = 2000
"""More blocks than these are read row by row: comparing each with each takes long."""


def reading_order(quads: NDArray[Any]) -> list[list[list[int]]]:
    """Puts words in the order in which they are read.

    Args:
        quads: ``(N, 4, 2)``, clockwise from each text's top-left corner, in pixels.

    Returns:
        blocks in reading order, in each its lines, in each the numbers of its words; each word is in one line.
    """
    quads = np.reshape(quads, (-1, 4, 2))
    known = np.lexsort(quads.reshape(-1, 8).T)  # so that where two are as near, the order of the input does not decide
    words = Words.of(quads[known])
    lines = lines_of(words)
    blocks = blocks_of(words, lines)
    members = [[word for line in block for word in lines[line]] for block in blocks]
    return [[known[lines[line]].tolist() for line in blocks[block]] for block in _order(words, members)]


def _order(words: Words, blocks: Sequence[Sequence[int]]) -> list[int]:
    """The numbers of blocks of words, in reading order."""
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
    place = np.empty(len(blocks), int)
    place[rows] = np.arange(len(blocks))
    return _sorted(_before(x, y), place)


def _length(words: Words) -> float:
    """All words' widths together: where their directions differ much, the page has none."""
    along = words.ends - words.starts
    return float(np.hypot(along[:, 0], along[:, 1]).sum())


def _before(x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Whether block i comes before block j, ``(B, B)``, by where they begin and end across and down the page."""
    over = _overlap(x)
    middle = y.mean(axis=1)
    above = over & (middle[:, None] < middle[None])
    left = ~over & (x[:, None, 0] < x[None, :, 0])
    for between in np.flatnonzero(above.any(axis=0) & above.any(axis=1)):
        upper, lower = above[:, between], above[between]
        left[np.ix_(upper, lower)] = False
        left[np.ix_(lower, upper)] = False
    return np.asarray(above | left)


def _overlap(x: Floats) -> NDArray[np.bool_]:
    """Whether two spans have more than a sliver in common, ``(B, B)``."""
    common = np.minimum(x[:, None, 1], x[None, :, 1]) - np.maximum(x[:, None, 0], x[None, :, 0])
    length = x[:, 1] - x[:, 0]
    return np.asarray(common > 0.1 * np.minimum(length[:, None], length[None]))


def _sorted(before: NDArray[np.bool_], place: NDArray[Any]) -> list[int]:
    """A topological sort, by place where there is a choice; a circle is entered at its first place."""
    places = place.tolist()
    waits = before.sum(axis=0)
    left = np.ones(len(before), np.bool_)
    ready = [(places[block], block) for block in np.flatnonzero(waits == 0).tolist()]
    heapify(ready)
    order: list[int] = []
    while len(order) < len(before):
        block = heappop(ready)[1] if ready else int(np.argmin(np.where(left, place, len(place))))
        left[block] = False
        order.append(block)
        waits -= before[block]
        for other in np.flatnonzero(before[block] & (waits == 0) & left).tolist():
            heappush(ready, (places[other], other))
    return order
