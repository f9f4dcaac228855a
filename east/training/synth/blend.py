"""Makes a painted layer part of a photograph: it takes on the light and the softness of what is around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DAYLIGHT = 125.0  # mean level of a photograph in which colours look as they were painted


@dataclass(frozen=True, eq=False)
class Light:
    """What becomes of painted colours at some place of a photograph.

    Attributes:
        tone: float32 ``(3,)``, what the channels are multiplied by.
        haze: level that black has, 0..255.
        fading: share of a colour's saturation that stays.
    """

    tone: NDArray[np.float32]
    haze: float
    fading: float

    @classmethod
    def around(cls, rng: np.random.Generator, surface: NDArray[np.float32]) -> Light:
        """A light in which a surface may have this mean colour, float32 ``(3,)`` of levels 0..255."""
        level = max(float(surface.mean()), 8.0)
        brightness = np.clip((level / DAYLIGHT) ** rng.uniform(0.3, 0.8), 0.35, 1.2)
        cast = (surface / level).clip(0.4, 2.5) ** rng.uniform(0.0, 0.4)
        haze = rng.uniform(0, 0.25) * min(level, 120.0)
        return cls(np.asarray(brightness * cast, np.float32), haze, rng.uniform(0.5, 1.0))

    @property
    def strength(self) -> float:
        """Share of a difference between painted levels that can still be seen."""
        return float(self.tone.mean()) * (1 - self.haze / 255)

    def shine_on(self, layer: NDArray[np.float32]) -> None:
        """Lights a layer, float32 RGBA ``(H, W, 4)`` of levels 0..255, in place."""
        grey = layer[..., :3].mean(axis=-1, keepdims=True)
        faded = grey + (layer[..., :3] - grey) * self.fading
        layer[..., :3] = np.clip(self.haze + faded * self.tone * (1 - self.haze / 255), 0, 255)

    def painted(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """The colour that looks like ``seen``, float32 ``(3,)``, in this light."""
        return np.asarray(((seen - self.haze) / (self.tone * (1 - self.haze / 255))).clip(0, 255), np.float32)


def soften(layer: NDArray[np.float32], deviation: float) -> tuple[NDArray[np.float32], int]:
    """Blurs a layer, its outer edges included, by ``deviation`` pixels; returns by how many pixels each side grew."""
    margin = math.ceil(3 * deviation)
    layer = np.pad(layer, ((margin, margin), (margin, margin), (0, 0)))
    layer[..., :3] *= layer[..., 3:]  # premultiplied, or the colour of transparent pixels would show
    soft = np.asarray(cv2.GaussianBlur(layer, (0, 0), deviation), np.float32)
    soft[..., :3] /= np.maximum(soft[..., 3:], 1e-4)
    return soft, margin
