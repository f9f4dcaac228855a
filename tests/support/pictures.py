"""Pictures with words drawn on them, and where the words are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom of the ink."""


def write(picture: Image.Image, text: str, x: float, y: float, size: float) -> Box:
    """Writes a text in black; its ink begins at ``(x, y)``. Returns where it is."""
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(picture)
    left, top, _, _ = draw.textbbox((0, 0), text, font)
    draw.text((x - left, y - top), text, "black", font)
    return draw.textbbox((x - left, y - top), text, font)


def tall_picture(height: int) -> tuple[Image.Image, list[Box]]:
    """A picture 192 pixels wide with a word of 11 pixels in every 40."""
    picture = Image.new("RGB", (192, height), "white")
    words = ["Message", "Holiday", "Station", "Network"]
    return picture, [write(picture, words[y // 40 % 4], 40, y, 15) for y in range(20, height - 40, 40)]


def overlaps(quads: NDArray[np.float32], boxes: Sequence[Box]) -> NDArray[np.float64]:
    """IoU of the quads' bounds with boxes, float64 ``(M, N)``."""
    lows, highs = quads.min(axis=1)[:, None], quads.max(axis=1)[:, None]
    low, high = np.array(boxes)[:, :2], np.array(boxes)[:, 2:]
    common = np.clip(np.minimum(highs, high) - np.maximum(lows, low), 0, None).prod(axis=2)
    both = (highs - lows).prod(axis=2) + (high - low).prod(axis=1) - common
    return np.asarray(common / both)
