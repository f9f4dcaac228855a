"""Words drawn into score and geometry maps as a trained network would give them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from east.postprocess import select_candidates
from east.types import Candidates, Size

Array32 = NDArray[np.float32]


class Word(NamedTuple):
    """A rectangle in network-input pixels; ``angle`` in radians, positive where text climbs to the right."""

    x: float
    y: float
    width: float
    height: float
    angle: float

    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Unit vectors along the text and down across it."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([cos, -sin]), np.array([sin, cos])

    def quad(self) -> Array32:
        """Corners clockwise from the text's top-left, ``(4, 2)``."""
        along, across = self.axes()
        ends = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
        centre = np.array([self.x, self.y])
        corners = [centre + u * self.width * along + v * self.height * across for u, v in ends]
        return np.array(corners, np.float32)


SQUARE = np.array([[0, 0], [20, 0], [20, 20], [0, 20]], np.float32)
WORDS = [
    Word(90, 60, 120, 30, 0.1),
    Word(280, 70, 150, 40, -0.2),
    Word(100, 190, 60, 24, 0.6),
    Word(270, 180, 90, 50, 0),
]


def f32(*values: float) -> Array32:
    """An array of these numbers."""
    return np.array(values, np.float32)


def encode(word: Word, points: NDArray[np.float64]) -> Array32:
    """The geometry, ``(..., 5)``, of a word seen from image points ``(..., 2)``: the inverse of decoding."""
    along, across = word.axes()
    offsets = points - [word.x, word.y]
    u, v = offsets @ along, offsets @ across
    half_width, half_height = word.width / 2, word.height / 2
    geometry = [v + half_height, half_width - u, half_height - v, u + half_width, np.full_like(u, word.angle)]
    return np.stack(geometry, axis=-1, dtype=np.float32, casting="same_kind")


def draw_maps(words: list[Word], size: Size, rng: np.random.Generator, noise: float = 0.03) -> tuple[Array32, Array32]:
    """Score map and geometry of a whole image.

    The core of each word, shrunk by 0.3 of its height, scores 0.85 to 1 and falls off to 0 at its sides; distances
    are off by a share ``noise`` of themselves, angles by ``noise`` radians, as from one pixel to the next.
    """
    h, w = size.height // 4, size.width // 4
    points = 4.0 * np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1)
    score, geometry = np.zeros((h, w), np.float32), np.zeros((h, w, 5), np.float32)
    for word in words:
        seen = encode(word, points)
        nearest = seen[..., :4].min(axis=-1)
        drawn = np.clip(nearest / (0.3 * word.height), 0, 1) * rng.uniform(0.85, 1, (h, w))
        wins = drawn > score
        score[wins], geometry[wins] = drawn[wins], seen[wins]
    geometry[..., :4] *= rng.normal(1, noise, (h, w, 4))
    geometry[..., 4] += rng.normal(0, noise, (h, w))
    return score, geometry.astype(np.float32)


def candidates_of(words: list[Word], seed: int = 0) -> Candidates:
    """The candidates of words drawn at 256x384."""
    return select_candidates(*draw_maps(words, Size(256, 384), np.random.default_rng(seed)), 0.8)
