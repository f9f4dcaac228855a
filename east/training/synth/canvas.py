"""A picture to lay planes on: where there is room, how a plane stands there, what it covers."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

COARSE = 4  # pixels to a cell of the map of what is taken
MARGIN = 4  # pixels between a plane and the picture's border


class Canvas:
    """A picture, and which parts of it are taken.

    Attributes:
        image: uint8 RGB ``(H, W, 3)``, drawn on in place.
    """

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.image = image
        self._taken = np.zeros((image.shape[0] // COARSE, image.shape[1] // COARSE), np.uint8)

    def take(self, quad: NDArray[np.float32]) -> None:
        """Keeps what lies in ``quad``, ``(4, 2)`` in the picture's pixels, from being covered."""
        cv2.fillConvexPoly(self._taken, _cells(quad), (1,))

    def place(
        self, rng: np.random.Generator, shape: tuple[int, ...], scale: float = 1.0, tries: int = 6
    ) -> NDArray[np.float64] | None:
        """Takes a free part of the picture for a plane of ``shape`` times ``scale``.

        Returns:
            The homography from the plane to the picture; None when no room was found.
        """
        height, width = shape[0] * scale, shape[1] * scale
        for _ in range(tries):
            quad = stand(rng, height, width)
            low, high = quad.min(axis=0), quad.max(axis=0)
            room = np.asarray([self.image.shape[1], self.image.shape[0]]) - (high - low)
            if (room < 2 * MARGIN).any():
                height, width = height * 0.8, width * 0.8
                continue
            quad += (MARGIN - low + rng.uniform(size=2) * (room - 2 * MARGIN)).astype(np.float32)
            cells = np.zeros_like(self._taken)
            cv2.fillConvexPoly(cells, _cells(quad), (1,))
            if not (cells & self._taken).any():
                self._taken |= cells
                return np.asarray(cv2.getPerspectiveTransform(_corners(shape), quad))
        return None

    def surface(self, shape: tuple[int, ...], matrix: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
        """Mean colour, and the deviation of the levels, where a plane of ``shape`` will lie."""
        x, y, width, height = cv2.boundingRect(cv2.perspectiveTransform(_corners(shape)[None], matrix))
        patch = self.image[max(y, 0) : y + height, max(x, 0) : x + width].reshape(-1, 3).astype(np.float32)
        return patch.mean(axis=0), float(patch.mean(axis=1).std())

    def lay(self, layer: NDArray[np.float32], matrix: NDArray[np.float64]) -> None:
        """Warps a layer, float32 RGBA ``(H, W, 4)`` of levels 0..255 and opacity 0..1, onto the picture."""
        x, y, w, h = cv2.boundingRect(cv2.perspectiveTransform(_corners(layer.shape)[None], matrix))
        x, y = max(x, 0), max(y, 0)
        w, h = min(w + 1, self.image.shape[1] - x), min(h + 1, self.image.shape[0] - y)
        layer = layer.copy()
        layer[..., :3] *= layer[..., 3:]  # premultiplied, so that transparent pixels lend no colour
        warped = cv2.warpPerspective(layer, move(-x, -y) @ matrix, (w, h), flags=cv2.INTER_LINEAR)
        patch = self.image[y : y + h, x : x + w]
        patch[:] = np.clip(patch * (1 - warped[..., 3:]) + warped[..., :3], 0, 255).astype(np.uint8)


def stand(rng: np.random.Generator, height: float, width: float) -> NDArray[np.float32]:
    """A rectangle of this size around the origin, seen askew and turned: float32 ``(4, 2)``."""
    quad = np.asarray([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32) * (width / 2, height / 2)
    if rng.random() < 0.5:  # turned away: narrower, and smaller at the far end
        quad[:, 0] *= rng.uniform(0.65, 1.0)
        taper = rng.normal(0, 0.1)
        quad[:, 1] *= np.clip(1 + taper * np.sign(quad[:, 0]), 0.6, 1.4)
    if rng.random() < 0.3:
        quad[:, 1] += quad[:, 0] * rng.normal(0, 0.12)
    if rng.random() < 0.15:
        quad[:, 0] += quad[:, 1] * rng.normal(0, 0.2)
    angle = math.radians(rng.uniform(-35, 35) if rng.random() < 0.2 else rng.normal(0, 6))
    turn = np.asarray([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray(quad @ turn, np.float32)


def move(x: float, y: float) -> NDArray[np.float64]:
    """The homography that moves points by ``x`` and ``y``."""
    return np.asarray([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _corners(shape: tuple[int, ...]) -> NDArray[np.float32]:
    height, width = shape[:2]
    return np.asarray([(0, 0), (width, 0), (width, height), (0, height)], np.float32)


def _cells(quad: NDArray[np.float32]) -> NDArray[np.int32]:
    return np.asarray(np.round(quad / COARSE), np.int32)
