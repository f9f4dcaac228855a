"""Distractors, which look like text and are none: made-up characters, grids, barcodes, arrows."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

WHITE = (255,)


def distractor(rng: np.random.Generator, size: float) -> NDArray[np.uint8]:
    """An ink mask, uint8 ``(H, W)``, of something about ``size`` pixels high that no one can read."""
    kinds = (signs, grating, barcode, shapes, grid)
    return kinds[rng.choice(len(kinds), p=[0.4, 0.2, 0.1, 0.2, 0.1])](rng, max(8, int(size)))


def icons(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """An ink mask of what stands beside words on a sign, about ``size`` pixels high."""
    return (shapes if rng.random() < 0.75 else signs)(rng, size)[4:-4, 4:-4]


def signs(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """A line of made-up characters, each a few strokes in a square."""
    count = int(rng.integers(2, 9))
    ink = np.zeros((size + 8, count * int(size * 1.15) + 8), np.uint8)
    thickness = max(1, int(size * rng.uniform(0.05, 0.12)))
    for number in range(count):
        origin = np.asarray([4 + number * int(size * 1.15), 4])
        for _ in range(int(rng.integers(4, 9))):
            start = rng.integers(0, 4, size=2) * size // 3
            end = start.copy()
            axis = int(rng.integers(2))
            end[axis] = rng.integers(0, 4) * size // 3
            if rng.random() < 0.3:
                end[1 - axis] = rng.integers(0, 4) * size // 3
            cv2.line(ink, (origin + start).tolist(), (origin + end).tolist(), WHITE, thickness, cv2.LINE_AA)
    return ink


def grating(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Parallel bars: blinds, fences, railings, stairs."""
    height, width = size * int(rng.integers(1, 4)), size * int(rng.integers(2, 9))
    period = max(4, int(size * rng.uniform(0.2, 0.8)))
    ink = np.zeros((height, width), np.uint8)
    ink[:, np.arange(width) % period < period * rng.uniform(0.2, 0.6)] = 255
    return ink if rng.random() < 0.7 else np.ascontiguousarray(ink.T)


def barcode(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Bars of uneven width."""
    bars = np.repeat(rng.random(60) < 0.5, rng.integers(1, 4, size=60)).astype(np.uint8) * 255
    return np.repeat(bars[None], size, axis=0)


def grid(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Windows or tiles."""
    rows, columns = rng.integers(2, 6, size=2)
    ink = np.full((rows * size // 2 + 4, columns * size // 2 + 4), 255, np.uint8)
    gap = max(1, size // 10)
    for row in range(rows):
        for column in range(columns):
            y, x = row * size // 2 + gap, column * size // 2 + gap
            ink[y : y + size // 2 - gap, x : x + size // 2 - gap] = 0
    return ink


def shapes(rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """Arrows, rings, crosses, logos."""
    ink = np.zeros((size + 8, size + 8), np.uint8)
    centre = (size // 2 + 4, size // 2 + 4)
    kind, thickness = rng.integers(4), max(1, int(size * rng.uniform(0.06, 0.2)))
    if kind == 0:
        cv2.arrowedLine(ink, (4, centre[1]), (size + 3, centre[1]), WHITE, thickness, cv2.LINE_AA, tipLength=0.4)
        return np.ascontiguousarray(np.rot90(ink, int(rng.integers(4))))
    if kind == 1:
        cv2.circle(ink, centre, size // 2 - thickness // 2, WHITE, thickness, cv2.LINE_AA)
    elif kind == 2:
        cv2.drawMarker(ink, centre, WHITE, int(rng.integers(7)), size, thickness)
    else:
        points = 4 + rng.integers(0, size, size=(int(rng.integers(3, 7)), 2))
        cv2.fillPoly(ink, [points.astype(np.int32)], WHITE, cv2.LINE_AA)
    return ink
