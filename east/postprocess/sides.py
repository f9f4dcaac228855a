"""Sides of boxes as the pixels within see them, compiled by Numba. What they are for is told in `settling`."""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner
from .polygon import Floats

_ALIKE: Final = 0.5
"""Share of the longer that a box and what a pixel sees have in common, along and across, if both are of one word."""

_STRAIGHT: Final = 0.94
"""Cosine of the angle between them up to which they are: 20 degrees."""

_FEWEST: Final = 3
"""Pixels that a box needs."""


@inner
def _frame(quad: NDArray[np.float32]) -> tuple[float, float, float, float, float, float]:
    """Middle (x, y) of a quad, the direction of its text, its width and its height across that."""
    x = y = ux = uy = vx = vy = 0.0
    for corner in range(4):
        along = 0.5 if 0 < corner < 3 else -0.5
        across = 0.5 if corner > 1 else -0.5
        px, py = float(quad[corner, 0]), float(quad[corner, 1])
        x, y = x + px / 4.0, y + py / 4.0
        ux, uy, vx, vy = ux + along * px, uy + along * py, vx + across * px, vy + across * py
    width = float(np.hypot(ux, uy))
    if not width > 0.0:
        return x, y, 1.0, 0.0, 0.0, 0.0
    ux, uy = ux / width, uy / width
    return x, y, ux, uy, width, vy * ux - vx * uy


@inner
def _sees(quad: NDArray[np.float32], frame: tuple[float, float, float, float, float, float], sides: Floats) -> bool:
    """Writes where in a box's frame the left, right, top and bottom side of a quad are; whether it may be the box."""
    x, y, ux, uy, width, height = frame
    for side in range(4):
        sides[side] = 0.0
    for corner in range(4):
        dx, dy = float(quad[corner, 0]) - x, float(quad[corner, 1]) - y
        sides[1 if 0 < corner < 3 else 0] += (dx * ux + dy * uy) / 2.0
        sides[3 if corner > 1 else 2] += (dy * ux - dx * uy) / 2.0
    tx, ty = float(quad[1, 0]) - float(quad[0, 0]), float(quad[1, 1]) - float(quad[0, 1])
    straight = tx * ux + ty * uy > _STRAIGHT * np.hypot(tx, ty)
    return straight and _alike(sides[0], sides[1], width) and _alike(sides[2], sides[3], height)


@inner
def _alike(low: float, high: float, side: float) -> bool:
    """Whether a span may be the one of length ``side`` around 0."""
    return min(high, side / 2.0) - max(low, -side / 2.0) > _ALIKE * max(high - low, side)


@inner
def _median(values: Floats, weights: Floats) -> float:
    """The value up to which half of the weight lies. Sorts both (Shell, "A high-speed sorting procedure", 1959)."""
    count, half = len(values), 0.0
    for k in range(count):
        half += weights[k] / 2.0
    gap = count // 2
    while gap > 0:
        for k in range(gap, count):
            value, weight, free = values[k], weights[k], k
            while free >= gap and values[free - gap] > value:
                values[free], weights[free] = values[free - gap], weights[free - gap]
                free -= gap
            values[free], weights[free] = value, weight
        gap //= 2
    place, below = 0, weights[0]
    while below < half and place + 1 < count:
        place += 1
        below += weights[place]
    return float(values[place])


@inner
def _gather(
    frame: tuple[float, float, float, float, float, float],
    numbers: NDArray[np.int32],
    seen: NDArray[np.float32],
    stride: float,
    sides: Floats,
    weights: Floats,
) -> int:
    """Writes what the candidates in a box see of its sides, and what that weighs; how many they are."""
    x, y, ux, uy, width, height = frame
    rows, columns = numbers.shape
    reach_x, reach_y = (width * abs(ux) + height * abs(uy)) / 2.0, (width * abs(uy) + height * abs(ux)) / 2.0
    first_row, last_row = max((y - reach_y) / stride, 0.0), min((y + reach_y) / stride, rows - 1.0)
    first_column, last_column = max((x - reach_x) / stride, 0.0), min((x + reach_x) / stride, columns - 1.0)
    count, one = 0, np.empty(4)
    for i in range(int(first_row), int(last_row) + 1):
        for j in range(int(first_column), int(last_column) + 1):
            dx, dy = stride * j - x, stride * i - y
            along, across = dx * ux + dy * uy, dy * ux - dx * uy
            k = numbers[i, j] - 1
            if k < 0 or abs(along) >= width / 2.0 or abs(across) >= height / 2.0 or not _sees(seen[k], frame, one):
                continue
            for side in range(4):
                sides[side, count], weights[side, count] = one[side], 1.0
            weights[0, count] = height / (height + max(along - one[0], 0.0))
            weights[1, count] = height / (height + max(one[1] - along, 0.0))
            count += 1
    return count


@entry(types.float32[:, :, ::1], array(types.int32, 2), array(types.float32, 3), array(types.float32, 3), types.float64)
def settled(
    pixels: NDArray[np.int32], seen: NDArray[np.float32], quads: NDArray[np.float32], stride: float
) -> NDArray[np.float32]:
    """Moves each side of quads, float32 ``(M, 4, 2)``, to where the candidates within see it.

    Takes their pixels, int32 ``(K, 2)``, one for ``stride`` of the image's, and the quads that they see, float32
    ``(K, 4, 2)``.
    """
    moved = quads.copy()
    rows = columns = 0
    for k in range(len(pixels)):
        rows, columns = max(rows, int(pixels[k, 0]) + 1), max(columns, int(pixels[k, 1]) + 1)
    numbers = np.zeros((rows, columns), np.int32)  # of the candidates, from 1
    for k in range(len(pixels)):
        numbers[pixels[k, 0], pixels[k, 1]] = k + 1
    sides, weights, found = np.empty((4, len(pixels))), np.empty((4, len(pixels))), np.empty(4)
    for n in range(len(quads)):
        frame = _frame(quads[n])
        x, y, ux, uy, width, height = frame
        if not (1.0 <= width < np.inf and 1.0 <= height < np.inf):
            continue
        count = _gather(frame, numbers, seen, stride, sides, weights)
        if count < _FEWEST:
            continue
        for side in range(4):
            found[side] = _median(sides[side, :count], weights[side, :count])
        if found[1] - found[0] < 1.0 or found[3] - found[2] < 1.0:
            continue
        for corner in range(4):
            along, across = found[1 if 0 < corner < 3 else 0], found[3 if corner > 1 else 2]
            moved[n, corner, 0] = x + along * ux - across * uy
            moved[n, corner, 1] = y + along * uy + across * ux
    return moved
