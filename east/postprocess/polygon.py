"""Spanning, areas, overlaps and merging of quads, compiled by Numba.

A quad counts as the convex hull of its four corners, so corner order, repeated corners and crossing sides
need no care. A quad that is flat or not finite has no area and overlaps nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import array, entry, inner

Floats = NDArray[np.float64]

FLAT = 1e-8
"""A quad is flat when its area is at most this part of its squared extent."""

_NOISE = 1e-14  # areas that differ by less than this part of the squared extent differ by rounding
_HULLS = np.array(
    [[0, 1, 2, 2], [0, 1, 3, 3], [0, 2, 3, 3], [1, 2, 3, 3], [0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3]], np.intp
)  # every polygon through four points, up to rotation and direction; triangles repeat a corner
_VERTICES = 20  # clipping n vertices by a line leaves at most 1.5 n, even after rounding: 4, 6, 9, 13, 19


@inner
def _signed_area(a: Floats, order: NDArray[np.intp]) -> float:
    """Shoelace area of a's corners in an order; positive when clockwise on screen."""
    p, q, r, s = a[order[0]], a[order[1]], a[order[2]], a[order[3]]
    return float(0.5 * ((r[0] - p[0]) * (s[1] - q[1]) - (s[0] - q[0]) * (r[1] - p[1])))


@inner
def _bounds(a: Floats) -> tuple[float, float, float, float]:
    """Left, top, right and bottom."""
    left, top, right, bottom = a[0, 0], a[0, 1], a[0, 0], a[0, 1]
    for k in range(1, 4):
        left, top, right, bottom = min(left, a[k, 0]), min(top, a[k, 1]), max(right, a[k, 0]), max(bottom, a[k, 1])
    return left, top, right, bottom


@inner
def _hull(quad: Floats, out: Floats) -> float:
    """Writes the quad's convex hull, clockwise, to ``out`` (4, 2) and returns its area, 0 if flat or not finite."""
    for k in range(4):
        if not (math.isfinite(quad[k, 0]) and math.isfinite(quad[k, 1])):
            return 0.0
    left, top, right, bottom = _bounds(quad)
    extent = (right - left) ** 2 + (bottom - top) ** 2
    best, area = 0, 0.0
    for k in range(len(_HULLS)):  # no polygon through the corners is larger than their hull
        candidate = _signed_area(quad, _HULLS[k])
        if abs(candidate) > abs(area) + _NOISE * extent:
            best, area = k, candidate
    for k in range(4):
        corner = _HULLS[best, k if area > 0 else 3 - k]
        out[k, 0], out[k, 1] = quad[corner, 0], quad[corner, 1]
    return abs(area) if abs(area) > FLAT * extent else 0.0


@inner
def _intersection(a: Floats, b: Floats, scratch: Floats) -> float:
    """Area common to two hulls, by clipping ``a`` with each side of ``b`` (Sutherland and Hodgman, 1974)."""
    here, n = 0, 4  # scratch[here, :n] is what is left of a
    for i in range(4):
        scratch[0, i, 0], scratch[0, i, 1] = a[i, 0], a[i, 1]
    for k in range(4):
        there, m = 1 - here, 0
        x0, y0 = b[k - 1, 0], b[k - 1, 1]
        dx, dy = b[k, 0] - x0, b[k, 1] - y0
        px, py = scratch[here, n - 1, 0], scratch[here, n - 1, 1]
        before = dx * (py - y0) - dy * (px - x0)
        for i in range(n):
            qx, qy = scratch[here, i, 0], scratch[here, i, 1]
            after = dx * (qy - y0) - dy * (qx - x0)
            if (before >= 0.0) != (after >= 0.0):
                t = before / (before - after)
                scratch[there, m, 0], scratch[there, m, 1] = px + t * (qx - px), py + t * (qy - py)
                m += 1
            if after >= 0.0:
                scratch[there, m, 0], scratch[there, m, 1] = qx, qy
                m += 1
            px, py, before = qx, qy, after
        if m < 3:
            return 0.0
        here, n = there, m
    x0, y0 = scratch[here, 0, 0], scratch[here, 0, 1]
    doubled = 0.0
    for i in range(1, n - 1):
        px, py = scratch[here, i, 0] - x0, scratch[here, i, 1] - y0
        qx, qy = scratch[here, i + 1, 0] - x0, scratch[here, i + 1, 1] - y0
        doubled += px * qy - qx * py
    return max(0.5 * doubled, 0.0)


@inner
def _hull_iou(a: Floats, area_a: float, b: Floats, area_b: float, scratch: Floats) -> float:
    if area_a == 0.0 or area_b == 0.0:
        return 0.0
    common = min(_intersection(a, b, scratch), area_a, area_b)
    return common / (area_a + area_b - common)


@entry(
    types.float32[:, :, ::1],
    array(types.int32, 2),
    array(types.float32, 2),
    array(types.float32, 1),
    array(types.float32, 1),
    types.int64,
)
def turned_rectangles(
    pixels: NDArray[np.int32],
    distances: NDArray[np.float32],
    cosines: NDArray[np.float32],
    sines: NDArray[np.float32],
    stride: int,
) -> NDArray[np.float32]:
    """Spans a rectangle around each pixel's image point, and turns it about that point.

    Takes rows and columns, int32 ``(K, 2)``; distances to the top, right, bottom and left side, float32 ``(K, 4)`` or
    wider; cosine and sine of the angles, float32 ``(K,)``; and the image's pixels per pixel.
    Returns float32 ``(K, 4, 2)``, clockwise from the top-left corner.
    """
    quads = np.empty((len(pixels), 4, 2), np.float32)
    for k in range(len(pixels)):
        column, row = np.float32(stride * pixels[k, 1]), np.float32(stride * pixels[k, 0])
        top, right, bottom, left = -distances[k, 0], distances[k, 1], distances[k, 2], -distances[k, 3]
        for corner in range(4):
            x = right if corner in (1, 2) else left
            y = bottom if corner >= 2 else top
            quads[k, corner, 0] = column + x * cosines[k] + y * sines[k]
            quads[k, corner, 1] = row + y * cosines[k] - x * sines[k]
    return quads


@entry(types.float64, array(types.float64, 2), array(types.float64, 2))
def iou(a: Floats, b: Floats) -> float:
    """Intersection over union of two quads, float64 ``(4, 2)``: exact to rounding, 0 without area."""
    hulls = np.empty((2, 4, 2))
    scratch = np.empty((2, _VERTICES, 2))
    return _hull_iou(hulls[0], _hull(a, hulls[0]), hulls[1], _hull(b, hulls[1]), scratch)


@entry(types.float64[::1], array(types.float64, 3))
def areas(quads: Floats) -> Floats:
    """Areas of quads, float64 ``(M, 4, 2)``, as float64 ``(M,)``."""
    hull = np.empty((4, 2))
    out = np.empty(len(quads))
    for k in range(len(quads)):
        out[k] = _hull(quads[k], hull)
    return out


@inner
def _first_corner(quad: Floats, reference: Floats) -> int:
    """The corner of ``quad`` that answers to the reference's first: the turn with the least squared distance."""
    best, least = 0, math.inf
    for turn in range(4):
        distance = 0.0
        for k in range(4):
            corner = (k + turn) % 4
            distance += (quad[corner, 0] - reference[k, 0]) ** 2 + (quad[corner, 1] - reference[k, 1]) ** 2
        if distance < least:
            best, least = turn, distance
    return best


@entry(
    types.Tuple((types.float64[:, :, ::1], types.float64[::1])),
    array(types.float64, 3),
    array(types.float64, 1),
    types.float64,
)
def merge_runs(quads: Floats, weights: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Merges each quad into the merged quad before it while their IoU is greater than the threshold, 0..1.

    Takes float64 ``(K, 4, 2)``, clockwise, and ``(K,)``; quads without area or a positive weight are left out.
    Returns the weighted means, float64 ``(M, 4, 2)``, and their summed weights, float64 ``(M,)``.
    """
    merged, sums = np.empty_like(quads), np.empty_like(weights)
    hulls, scratch = np.empty((2, 4, 2)), np.empty((2, _VERTICES, 2))
    m = -1
    last_area = 0.0
    for k in range(len(quads)):
        quad, weight = quads[k], weights[k]
        area = _hull(quad, hulls[1])
        if area == 0.0 or not 0.0 < weight < math.inf:
            continue
        if m >= 0 and _hull_iou(hulls[0], last_area, hulls[1], area, scratch) > threshold:
            sums[m] += weight
            share = weight / sums[m]
            turn = _first_corner(quad, merged[m])
            for corner in range(4):
                for axis in range(2):
                    merged[m, corner, axis] += share * (quad[(corner + turn) % 4, axis] - merged[m, corner, axis])
            last_area = _hull(merged[m], hulls[0])
        else:
            m += 1
            sums[m] = weight
            for corner in range(4):
                for axis in range(2):
                    merged[m, corner, axis] = quad[corner, axis]
            last_area = _hull(quad, hulls[0])
    return merged[: m + 1], sums[: m + 1]


@entry(types.boolean[::1], array(types.float64, 3), types.float64, pairs=True)
def suppress(quads: Floats, threshold: float) -> NDArray[np.bool_]:
    """Tells, as bool ``(M,)``, which of the quads, float64 ``(M, 4, 2)``, best first, stay.

    Each that stays drops later ones whose IoU with it is greater than the threshold, 0..1.
    """
    hulls, scratch = np.empty_like(quads), np.empty((2, _VERTICES, 2))
    bounds = np.empty((len(quads), 4))  # left, top, right, bottom
    hull_areas = np.empty(len(quads))
    keep = np.zeros(len(quads), np.bool_)
    n = 0  # quads that stay; their hulls, bounds and areas are the first n
    for k in range(len(quads)):
        hull = hulls[n]
        area = _hull(quads[k], hull)
        left, top, right, bottom = _bounds(hull)
        keep[k] = True
        for i in range(n):
            width = min(right, bounds[i, 2]) - max(left, bounds[i, 0])
            height = min(bottom, bounds[i, 3]) - max(top, bounds[i, 1])
            if width > 0.0 and height > 0.0:
                most = min(width * height, area, hull_areas[i])  # no larger intersection fits
                possible = most > threshold * (area + hull_areas[i] - most)
                if possible and _hull_iou(hulls[i], hull_areas[i], hull, area, scratch) > threshold:
                    keep[k] = False
                    break
        if keep[k]:
            bounds[n, 0], bounds[n, 1], bounds[n, 2], bounds[n, 3] = left, top, right, bottom
            hull_areas[n] = area
            n += 1
    return keep


@entry(
    types.Tuple((types.int64[:, ::1], types.boolean)),
    array(types.float64, 3),
    array(types.int64, 1),
    array(types.int64, 1),
    types.float64,
    types.int64,
    pairs=True,
)
def pairs_across(
    quads: Floats, groups: NDArray[np.int64], order: NDArray[np.int64], least: float, most: int
) -> tuple[NDArray[np.int64], bool]:
    """Pairs of quads of different groups that share more than a part ``least``, 0..1, of the smaller one's area.

    Takes float64 ``(M, 4, 2)``, int64 ``(M,)``, and ``order``, int64 ``(M,)``, by which left edges do not decrease.
    Returns int64 ``(P, 2)``, each pair once, and whether these are all: it ends after ``most`` comparisons.
    """
    hulls, scratch = np.empty_like(quads), np.empty((2, _VERTICES, 2))
    bounds = np.empty((len(quads), 4))  # left, top, right, bottom
    hull_areas = np.empty(len(quads))
    for k in range(len(quads)):
        hull_areas[k] = _hull(quads[k], hulls[k])
        bounds[k, 0], bounds[k, 1], bounds[k, 2], bounds[k, 3] = _bounds(quads[k])
    pairs = np.empty((64, 2), np.int64)
    found = compared = 0
    for first in range(len(order)):
        i = order[first]
        for second in range(first + 1, len(order)):
            j = order[second]
            if bounds[j, 0] >= bounds[i, 2]:
                break
            width = min(bounds[i, 2], bounds[j, 2]) - bounds[j, 0]
            height = min(bounds[i, 3], bounds[j, 3]) - max(bounds[i, 1], bounds[j, 1])
            enough = least * min(hull_areas[i], hull_areas[j])
            if groups[i] == groups[j] or height <= 0.0 or enough <= 0.0 or width * height <= enough:
                continue
            compared += 1
            if compared > most:
                return pairs[:found].copy(), False
            if _intersection(hulls[i], hulls[j], scratch) <= enough:
                continue
            if found == len(pairs):
                longer = np.empty((2 * found, 2), np.int64)
                for k in range(found):  # Numba takes six seconds to compile the assignment of a slice
                    longer[k, 0], longer[k, 1] = pairs[k, 0], pairs[k, 1]
                pairs = longer
            pairs[found, 0], pairs[found, 1] = i, j
            found += 1
    return pairs[:found].copy(), True


@inner
def _core(quad: Floats, out: Floats, shrink: float, least: float) -> float:
    """Writes the quad's core to ``out`` (4, 2) and returns its area: every corner moved in along both its sides.

    By ``shrink`` times the shorter of the two, but no further than leaves ``least`` between opposite sides.
    """
    sides = np.empty(4)
    for k in range(4):
        after = (k + 1) % 4
        sides[k] = np.hypot(quad[after, 0] - quad[k, 0], quad[after, 1] - quad[k, 1])
    moved = np.empty((4, 2))
    for k in range(4):
        shorter = min(sides[k], sides[k - 1])
        step = min(shrink * shorter, max((shorter - least) / 2.0, 0.0))
        for axis in range(2):
            along = (quad[(k + 1) % 4, axis] - quad[k, axis]) / max(sides[k], 1e-6)
            back = (quad[k - 1, axis] - quad[k, axis]) / max(sides[k - 1], 1e-6)
            moved[k, axis] = quad[k, axis] + step * (along + back)
    return _hull(moved, out)


@inner
def _span(hull: Floats, y: float) -> tuple[float, float]:
    """Where a horizontal line enters and leaves a hull; the first is greater where it passes by."""
    low, high = math.inf, -math.inf
    for k in range(4):
        x0, y0, x1, y1 = hull[k - 1, 0], hull[k - 1, 1], hull[k, 0], hull[k, 1]
        if min(y0, y1) <= y <= max(y0, y1):
            share = (y - y0) / (y1 - y0) if y1 != y0 else 0.0
            x = x0 + share * (x1 - x0)
            low, high = min(low, x, x1 if y1 == y0 else x), max(high, x, x1 if y1 == y0 else x)
    return low, high


@entry(
    types.float32[::1],
    array(types.float32, 2),
    array(types.float64, 3),
    types.float64,
    types.float64,
    types.float64,
)
def highest_in_cores(
    score_map: NDArray[np.float32], quads: Floats, stride: float, shrink: float, least: float
) -> NDArray[np.float32]:
    """The highest score among the map's pixels in each quad's core, float32 ``(M,)``.

    Takes the score map, float32 ``(h, w)``, whose pixel (i, j) is the point ``(stride j, stride i)``, quads, float64
    ``(M, 4, 2)``, and what `_core` takes. A core between pixels has the score of the one nearest to its middle; one
    that is flat, not finite or outside the map has 0. NaN is passed over.
    """
    height, width = score_map.shape
    found = np.zeros(len(quads), np.float32)
    hull, core = np.empty((4, 2)), np.empty((4, 2))
    for k in range(len(quads)):
        if _hull(quads[k], hull) == 0.0 or _core(hull, core, shrink, least) == 0.0:
            continue
        left, top, right, bottom = _bounds(core)
        y, last = max(math.ceil(top / stride), 0.0), min(math.floor(bottom / stride), height - 1.0)
        empty = True
        while y <= last:
            low, high = _span(core, y * stride)
            start, stop = max(math.ceil(low / stride), 0.0), min(math.floor(high / stride), width - 1.0)
            if start <= stop:
                empty = False
                for j in range(int(start), int(stop) + 1):
                    found[k] = max(found[k], score_map[int(y), j])
            y += 1.0
        if empty:
            y, x = np.rint((top + bottom) / (2.0 * stride)), np.rint((left + right) / (2.0 * stride))
            if 0.0 <= y < height and 0.0 <= x < width:
                found[k] = max(found[k], score_map[int(y), int(x)])
    return found
