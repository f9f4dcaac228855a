"""Text seen from aside, as it would be seen from the front.

Seen from aside, lines of text run together toward a point, and what is far is smaller. That vanishing point follows
from the lines themselves; sent to infinity it leaves them parallel (Clark and Mirmehdi, "Recognising text in real
scenes", 2002). The point where columns run together is not looked for: words are too low to tell where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from .frame import Floats, Words, across, unit_vectors

_FEWEST: Final = 8
"""Of fewer lines nothing is told."""

_OFF: Final = 0.1
"""How far aside the ends of a line may be by themselves, as a share of its height."""

_SURE: Final = 3.0
"""How many times its standard error the lines have to run together."""

_ALIKE: Final = 0.8
"""The share of all lines, by how sure their directions are, that has to run to the point."""

_LARGER: Final = 1.1
"""How many times as large the near end has to be as the far one;"""

_NEAREST: Final = 0.2
"""and how near to the point a word may be, as a share of how far off the middle of the page is."""

_SLANT: Final = 0.6
"""How far words may lean, as a share of their height."""

_ROUNDS: Final = 5


def from_the_front(words: Words, lines: Sequence[Sequence[int]]) -> Words:
    """Words as they would be seen from the front, where their lines surely run together; as they are elsewhere.

    Args:
        words: of the page.
        lines: the numbers of the words of each.
    """
    if len(lines) < _FEWEST:
        return words
    first, last = (np.array([line[end] for line in lines], np.intp) for end in (0, -1))
    starts, ways = words.starts[first], words.ends[last] - words.starts[first]
    [along] = unit_vectors(ways.sum(axis=0)[None])
    axes = np.stack([along, across(along)], axis=1)
    centre = (starts + ways / 2).mean(axis=0)
    ways, middles = ways @ axes, (starts + ways / 2 - centre) @ axes
    size = np.abs(middles).max()
    if not size > 0:
        return words
    off = np.maximum(_OFF * words.heights[first], np.finfo(float).tiny)
    point = _vanishing_point(middles / size, unit_vectors(ways), np.hypot(ways[:, 0], ways[:, 1]) / off)
    if point is None:
        return words
    lean, meet = point[0], point[1] / size
    x, y = np.moveaxis((words.quads[words.usable] - centre) @ axes, -1, 0)
    far = 1 - meet * x
    if far.min() < _NEAREST or far.max() < _LARGER * far.min():
        return words
    x, y = x / far, (y - lean * x) / far
    aside, down = (float((side[:, 2:] - side[:, 1::-1]).sum()) for side in (x, y))
    if down > 0:  # words stand upright on their lines
        x = x - np.clip(aside / down, -_SLANT, _SLANT) * y
    quads = words.quads.copy()
    quads[words.usable] = np.stack([x, y], axis=-1) @ axes.T + centre
    return Words.of(quads)._replace(usable=words.usable)


def _vanishing_point(middles: Floats, units: Floats, sure: Floats) -> tuple[float, float] | None:
    """Where lines run to: ``(b, c)`` for the point ``(1 / c, b / c)``, or None where they surely do not.

    The lines to that point have the direction ``(1 - c x, b - c y)`` at ``(x, y)``, so that each line gives a linear
    equation of ``b`` and ``c``. They are solved by least squares, those far off counting less (Cauchy's weights).

    Args:
        middles: of the lines, ``(L, 2)``.
        units: their directions, unit vectors ``(L, 2)``.
        sure: one by the standard error of each direction in radians, ``(L,)``.
    """
    (x, y), (cos, sin) = middles.T, units.T
    terms = np.stack([cos, x * sin - y * cos], axis=1)
    weights = sure
    for _ in range(_ROUNDS):
        weighted = terms * weights[:, None]
        squares = weighted.T @ weighted
        determinant = np.linalg.det(squares)
        if not determinant > 1e-9 * np.trace(squares) ** 2:  # lines one after the other
            return None
        found = np.linalg.solve(squares, weighted.T @ (sin * weights))
        off = np.abs(terms @ found - sin) * sure
        weights = sure / np.sqrt(1 + (off / 2) ** 2)
    scale = max(1.0, float(np.sqrt(np.mean(np.minimum(off, 6) ** 2))))
    error = scale * float(np.sqrt(squares[0, 0] / determinant))  # of c: the inverse's element (1, 1)
    if abs(found[1]) < _SURE * error or sure[off < 3].sum() < _ALIKE * sure.sum():
        return None
    return float(found[0]), float(found[1])
