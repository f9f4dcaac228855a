"""Rectangles around patches of pixels, compiled by Numba. What they are for is told in `straightening`."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner
from .polygon import Floats

_LEVEL: Final = 0.5
"""Score above which pixels make a patch; the candidates alone are often but crumbs of it."""

_THICKNESS: Final = 0.45
"""Of a patch, in heights of its word. The core is 0.4 of them, and the map is not sharp."""

_SHORTER: Final = 0.62
"""By how many heights a patch is shorter than its word; the core is 0.6."""

_THICK: Final = 9.0
"""Pixels from which the thickness tells something; below, a patch has but a row or two of the map."""

_ELONGATED: Final = 3.0
"""Length of a patch, in thicknesses, from which it tells a direction."""

_FULL: Final = (0.8, 1.25)
"""Area of a patch, as a share of length times thickness: it is less of crumbs in a row, of bends and of forks."""

_ASIDE: Final = math.radians(8)
"""Mean angle to a patch from which its candidates are wrong; where they are right it is 1 degree, seldom 5."""

_BEYOND: Final = 1.4
"""Length that they see, in lengths of the patch's word, from which they are wrong."""

_QUARTER: Final = math.pi / 2.0


@inner
def _spread(
    score_map: NDArray[np.float32],
    row: int,
    column: int,
    label: int,
    labels: NDArray[np.int32],
    waiting: NDArray[np.int32],
) -> tuple[int, int, int, int, int, int]:
    """Labels all that is connected with a pixel, run by run; its number of pixels, and sums of x, y, xx, yy and xy."""
    height, width = score_map.shape
    count = x = y = xx = yy = xy = 0
    waiting[0, 0], waiting[0, 1] = row, column
    left = 1
    while left:
        left -= 1
        i, start = int(waiting[left, 0]), int(waiting[left, 1])
        if labels[i, start] != 0:
            continue
        stop = start + 1
        while start > 0 and labels[i, start - 1] == 0 and score_map[i, start - 1] > _LEVEL:
            start -= 1
        while stop < width and labels[i, stop] == 0 and score_map[i, stop] > _LEVEL:
            stop += 1
        for j in range(start, stop):
            labels[i, j] = label
            x, xx = x + j - column, xx + (j - column) * (j - column)
            xy += (j - column) * (i - row)
        count, y, yy = count + stop - start, y + (stop - start) * (i - row), yy + (stop - start) * (i - row) * (i - row)
        for beside in (i - 1, i + 1):
            if 0 <= beside < height:
                begins = True
                for j in range(start, stop):
                    free = labels[beside, j] == 0 and score_map[beside, j] > _LEVEL
                    if free and begins:
                        waiting[left, 0], waiting[left, 1] = beside, j
                        left += 1
                    begins = not free
    return count, x, y, xx, yy, xy


@inner
def _measure(row: int, column: int, sums: tuple[int, int, int, int, int, int], stride: float, out: Floats) -> bool:
    """Writes middle (x, y), length, thickness and angle of the bar that a patch is to ``out``; whether it is one.

    The patch is told by what `_spread` says of it from a pixel on.
    """
    count = sums[0]
    x, y = sums[1] / count, sums[2] / count
    own = 1.0 / 12.0  # of a pixel's square
    xx, yy, xy = sums[3] / count - x * x + own, sums[4] / count - y * y + own, sums[5] / count - x * y
    x, y = x + column, y + row
    mean, swing = (xx + yy) / 2.0, np.hypot((xx - yy) / 2.0, xy)
    length = stride * math.sqrt(12.0 * (mean + swing))  # the variance of a bar is a twelfth of its squared length
    thickness = stride * math.sqrt(12.0 * max(mean - swing, 0.0))
    out[0], out[1], out[2], out[3], out[4] = (
        stride * x,
        stride * y,
        length,
        thickness,
        -0.5 * math.atan2(2 * xy, xx - yy),
    )
    full = count * stride * stride / (length * thickness) if thickness > 0.0 else 0.0
    return thickness >= _THICK and length >= _ELONGATED * thickness and _FULL[0] < full < _FULL[1]


@inner
def _alone(
    figures: Floats, reach: float, label: int, score_map: NDArray[np.float32], labels: NDArray[np.int32], stride: float
) -> bool:
    """Whether no other patch lies on the middle line of one, so far from its middle as ``reach`` in both directions."""
    height, width = score_map.shape
    x, y = figures[0] / stride, figures[1] / stride
    dx, dy = math.cos(figures[4]), -math.sin(figures[4])
    steps = int(2.0 * reach / stride) + 1
    for step in range(-steps, steps + 1):
        along = step / steps * reach / stride
        j, i = round(x + along * dx), round(y + along * dy)
        if 0 <= i < height and 0 <= j < width and score_map[i, j] > _LEVEL and labels[i, j] != label:
            return False
    return True


@inner
def _contradicts(
    figures: Floats, sums: Floats, label: int, score_map: NDArray[np.float32], labels: NDArray[np.int32], stride: float
) -> bool:
    """Whether a patch shows its candidates to be wrong; its figures then become those of its word."""
    number = sums[0]
    height = figures[3] / _THICKNESS
    width = figures[2] + _SHORTER * height
    turned = sums[1] > _ASIDE * number
    if not (turned or sums[3] > _BEYOND * width * number):
        return False
    if not _alone(figures, max(sums[3] / number, width) / 2.0, label, score_map, labels, stride):
        return False
    quarters = 0 if turned else int(np.rint(sums[2] / number))
    figures[2], figures[3] = (width, height) if quarters % 2 == 0 else (height, width)
    figures[4] += quarters * _QUARTER
    return True


@inner
def _see(figures: Floats, x: float, y: float, out: NDArray[np.float32]) -> None:
    """Writes what a word's figures are from a point: distances to its top, right, bottom and left, and its angle."""
    cos, sin = math.cos(figures[4]), math.sin(figures[4])
    dx, dy = x - figures[0], y - figures[1]
    along, across = dx * cos - dy * sin, dx * sin + dy * cos
    out[0], out[1] = figures[3] / 2.0 + across, figures[2] / 2.0 - along
    out[2], out[3] = figures[3] / 2.0 - across, figures[2] / 2.0 + along
    out[4] = figures[4]


@entry(
    types.Tuple((types.float32[:, ::1], types.boolean)),
    array(types.int32, 2),
    array(types.float32, 2),
    array(types.float32, 2),
    types.float64,
)
def seen_by_patches(
    pixels: NDArray[np.int32], geometry: NDArray[np.float32], score_map: NDArray[np.float32], stride: float
) -> tuple[NDArray[np.float32], bool]:
    """Gives candidates that their patch contradicts the rectangle that it tells.

    Takes pixels, int32 ``(K, 2)``, and geometry, float32 ``(K, 5)``, of candidates, and the score map, float32
    ``(h, w)``, with a pixel for ``stride`` of the image's. Returns all geometry and True, or none and
    False where they agree.
    """
    height, width = score_map.shape
    labels = np.zeros((height, width), np.int32)
    waiting = np.empty((height * width + 1, 2), np.int32)  # a run for every one that it touches, at most
    figures, bars = np.empty((len(pixels), 5)), np.zeros(len(pixels), np.bool_)
    sums = np.zeros((len(pixels), 4))  # of each patch's candidates: number, angles to it, quarter turns, lengths
    patches = 0
    for k in range(len(pixels)):
        row, column = int(pixels[k, 0]), int(pixels[k, 1])
        if not score_map[row, column] > _LEVEL:
            continue
        if labels[row, column] == 0:
            of_it = _spread(score_map, row, column, patches + 1, labels, waiting)
            bars[patches] = _measure(row, column, of_it, stride, figures[patches])
            patches += 1
        own = labels[row, column] - 1
        if bars[own]:
            turn = (geometry[k, 4] - figures[own, 4]) / _QUARTER
            length = max(geometry[k, 0] + geometry[k, 2], geometry[k, 1] + geometry[k, 3])
            if not math.isfinite(turn + length):
                continue
            sums[own, 0] += 1.0
            sums[own, 1] += abs(turn - np.rint(turn)) * _QUARTER
            sums[own, 2] += np.rint(turn)
            sums[own, 3] += length
    wrong = np.zeros(patches + 1, np.bool_)
    any_wrong = False
    for own in range(patches):
        if bars[own]:
            wrong[own] = _contradicts(figures[own], sums[own], own + 1, score_map, labels, stride)
            any_wrong = any_wrong or wrong[own]
    seen = np.empty((0, 5), np.float32)
    if any_wrong:
        seen = geometry.copy()
        for k in range(len(pixels)):
            own = labels[pixels[k, 0], pixels[k, 1]] - 1
            if own >= 0 and wrong[own]:
                _see(figures[own], stride * pixels[k, 1], stride * pixels[k, 0], seen[k])
    return seen, any_wrong
