"""Sheets of paper with words whose order is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from east.layout import reading_order

WIDTH, BLANK = 0.6, 0.35
"""Of a letter and a blank, as shares of the height of the words."""


class Sheet:
    """Words and their quads, as they are written."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.corners: list[NDArray[np.float64]] = []

    @property
    def quads(self) -> NDArray[np.float64]:
        """Of all words, ``(N, 4, 2)``."""
        return np.array(self.corners).reshape(-1, 4, 2)

    def write(
        self, x: float, y: float, *lines: str, height: float = 20, leading: float = 1.5, turn: float = 0
    ) -> Sheet:
        """Writes lines one below the other, the first one's top-left at ``(x, y)``, turned clockwise by degrees."""
        matrix = turning(turn)
        for number, line in enumerate(lines):
            left, top = 0.0, number * leading * height
            for word in line.split():
                width = WIDTH * height * len(word)
                flat = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
                self.words.append(word)
                self.corners.append(flat @ matrix + [x, y])
                left += width + BLANK * height
        return self

    def read(self, quads: NDArray[np.float64] | None = None) -> list[list[str]]:
        """The blocks of lines in the order found; of other quads of the same words, if given."""
        blocks = reading_order(self.quads if quads is None else quads)
        return [[" ".join(self.words[word] for word in line) for line in block] for block in blocks]


def turning(degrees: float) -> NDArray[np.float64]:
    """The matrix that turns rows of coordinates clockwise, as seen where y points down."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, sin], [-sin, cos]])


def seen_from(quads: NDArray[np.float64], matrix: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Quads as a homography ``(3, 3)`` shows them."""
    ends = np.concatenate([quads, np.ones_like(quads[..., :1])], axis=-1) @ np.array(matrix).T
    return np.asarray(ends[..., :2] / ends[..., 2:])
