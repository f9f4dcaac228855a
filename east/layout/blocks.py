"""Lines to blocks: paragraphs, columns, signs.

A line belongs to the one above it where they have one direction and about one height, lie closely one below the other
and neither has a second such neighbour beside the first: a heading over two columns belongs to neither. As in the
docstrum (O'Gorman 1993), but for that last rule.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .frame import Floats, Indices, Words, across, chains, unit_vectors

_GAP = 1.1
"""The widest gap between lines of a block, as a share of their height."""

_OVERLAP = 0.7
"""How far a line may reach into the one above, likewise: boxes include what hangs below the baseline."""

_BELOW = 0.25
"""The share of the shorter line that lies below the other."""

_HEIGHTS = 1.6
"""How many times as high one line may be as the other."""

_LEVEL = 0.5
"""Neighbours whose gaps differ by no more, as a share of the height, lie beside each other."""

_SAME_DIRECTION = np.cos(np.radians(12))
_CHUNK = 256


def blocks_of(words: Words, lines: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups lines into blocks: the numbers of the lines of each from top to bottom, each line in one block."""
    upper, lower, gap = _neighbours(words, lines)
    level = _nearest(upper, gap, len(lines)) & _nearest(lower, gap, len(lines))
    upper, lower = upper[level], lower[level]
    alone = (np.bincount(upper, minlength=1)[upper] == 1) & (np.bincount(lower, minlength=1)[lower] == 1)
    following = np.full(len(lines), -1)
    following[upper[alone]] = lower[alone]
    return chains(following.tolist())


def _neighbours(words: Words, lines: Sequence[Sequence[int]]) -> tuple[Indices, Indices, Floats]:
    """Lines of which one lies closely below the other: the upper ones, the lower ones, their gaps in heights."""
    if len(lines) < 2:
        return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)
    members = np.array([word for line in lines for word in line], np.intp)
    lengths = np.array([len(line) for line in lines], np.intp)
    first = np.cumsum(lengths) - lengths
    units = unit_vectors(np.add.reduceat(words.units[members], first))
    heights = words.heights[members]
    heights = heights[np.lexsort((heights, np.repeat(np.arange(len(lines)), lengths)))][first + lengths // 2]  # medians
    middles = np.add.reduceat((words.starts + words.ends)[members], first) / (2 * lengths[:, None])
    along = (words.quads[members] @ np.repeat(units, lengths, axis=0)[:, :, None])[..., 0]
    at = (middles * units).sum(axis=1)
    begin = np.minimum.reduceat(along.min(axis=1), first) - at  # as seen from the line's middle
    end = np.maximum.reduceat(along.max(axis=1), first) - at
    pairs = [_below(middles, units, heights, slice(row, row + _CHUNK)) for row in range(0, len(lines), _CHUNK)]
    i, j = (np.concatenate(side) for side in zip(*pairs, strict=True))
    unit = unit_vectors(units[i] + units[j])
    upper, lower = (middles[i] * unit).sum(axis=1), (middles[j] * unit).sum(axis=1)
    left, right = np.maximum(upper + begin[i], lower + begin[j]), np.minimum(upper + end[i], lower + end[j])
    middle = (left + right) / 2
    above = middles[i] + ((middle - upper) / (units[i] * unit).sum(axis=1))[:, None] * units[i]
    below = middles[j] + ((middle - lower) / (units[j] * unit).sum(axis=1))[:, None] * units[j]
    room = np.maximum((heights[i] + heights[j]) / 2, 1e-9)
    gap = ((below - above) * across(unit)).sum(axis=1) / room - 1
    fits = right - left >= _BELOW * np.minimum((end - begin)[i], (end - begin)[j])
    fits &= (right > left) & (gap >= -_OVERLAP) & (gap <= _GAP)
    return i[fits], j[fits], gap[fits]


def _below(middles: Floats, units: Floats, heights: Floats, some: slice) -> tuple[Indices, Indices]:
    """Pairs of lines, the upper among some, that may be neighbours: of one direction and height, one further down."""
    down = across(units[some])
    drop = down @ middles.T - (down * middles[some]).sum(axis=1)[:, None]
    aside = units[some] @ middles.T - (units[some] * middles[some]).sum(axis=1)[:, None]
    far = (1 + _GAP) * _HEIGHTS * heights[some, None] + 0.2 * np.abs(aside)  # a line that leans comes nearer
    close = (drop > -0.2 * np.abs(aside)) & (drop < far) & (units[some] @ units.T > _SAME_DIRECTION)
    close &= (heights < _HEIGHTS * heights[some, None]) & (heights * _HEIGHTS > heights[some, None])
    i, j = np.nonzero(close)
    i += some.start
    return i[i != j], j[i != j]


def _nearest(line: Indices, gap: Floats, lines: int) -> NDArray[np.bool_]:
    """Of each line's neighbours on one side, the nearest and those that lie beside it."""
    nearest = np.full(lines, np.inf)
    np.minimum.at(nearest, line, gap)
    return np.asarray(gap <= nearest[line] + _LEVEL)
