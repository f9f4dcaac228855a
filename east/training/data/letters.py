"""The letters of words: as numbers, and which of them lies at each point of a word.

Reading is a second task in training. A network that has to read what it finds tells words from what looks like
words, and one word from two (Liu et al., "FOTS: Fast Oriented Text Spotting with a Unified Network", CVPR 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frameworks import keras

Tensor = Any

MAX_LETTERS = 24  # of a word that is read
LETTER_CLASSES = 37  # 26 letters of either case, ten digits, anything else
MIN_HEIGHT = 8.0  # pixels; lower words are not read
MIN_ASPECT, MAX_ASPECT = 0.25, 1.6  # width of a letter over its height; beyond, a word is not read


def encode_texts(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Words as numbers ``(W, MAX_LETTERS)``: 1 to `LETTER_CLASSES`, then 0; all 0 for a word that is too long."""
    codes = np.zeros((len(texts), MAX_LETTERS), np.uint8)
    for row, text in zip(codes, texts, strict=True):
        if len(text) <= MAX_LETTERS:
            row[: len(text)] = [_code(character) for character in text]
    return codes


def letter_targets(x: Tensor, y: Tensor, words: Tensor, quads: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Which letter of its word lies at each point, taking all letters of a word to be of one width.

    Points are float32 ``(P,)``, in image pixels; ``words``, int32 ``(B, P)``, says in which word each lies; ``quads``,
    float32 ``(B, W, 4, 2)``, are clockwise from the text's top-left corner; ``codes`` are
    ``(B, W, MAX_LETTERS)``, see `encode_texts`.

    Returns:
        The letters, int32 ``(B, P)`` of 1 to `LETTER_CLASSES`, 0 where nothing is to be read; and how sure that is,
        float32 ``(B, P)``: 1 in a letter's middle, falling to 0 halfway to the next one's.
    """
    ops = keras().ops
    codes = ops.cast(codes, "int32")
    count = ops.cast(ops.sum(ops.cast(codes > 0, "int32"), axis=-1), "float32")  # (B, W)
    sides = (quads[:, :, (c + 1) % 4] - quads[:, :, c] for c in range(4))
    top, right, bottom, left = (ops.sqrt(ops.sum(ops.square(side), axis=-1)) for side in sides)
    height, width = (left + right) / 2, (top + bottom) / 2 / ops.maximum(count, 1.0)  # of a letter
    upright = (width >= MIN_ASPECT * height) & (width <= MAX_ASPECT * height)
    readable = ops.cast(upright & (height >= MIN_HEIGHT) & (count > 0), "float32")

    entries = ops.concatenate([ops.reshape(quads, (*quads.shape[:2], 8)), count[..., None], readable[..., None]], -1)
    entries = ops.take_along_axis(entries, words[:, :, None], axis=1)
    x0, y0, x1, y1, x2, y2, x3, y3, count, readable = ops.unstack(entries, axis=-1)  # (B, P) each
    from_left = _distance(x, y, x3, y3, x0, y0)
    from_right = _distance(x, y, x1, y1, x2, y2)
    place = count * from_left / ops.maximum(from_left + from_right, 1e-3)
    number = ops.clip(ops.floor(place), 0, ops.maximum(count - 1, 0))
    certainty = readable * ops.clip(1 - ops.abs(2 * (place - number) - 1), 0.0, 1.0)
    index = words * MAX_LETTERS + ops.cast(number, "int32")
    letters = ops.take_along_axis(ops.reshape(codes, (codes.shape[0], -1)), index, axis=1)
    return ops.where(readable > 0, letters, 0), certainty


def _code(character: str) -> int:
    upper = character.upper()
    if len(upper) == 1 and "A" <= upper <= "Z":
        return ord(upper) - ord("A") + 1
    return ord(character) - ord("0") + 27 if "0" <= character <= "9" else LETTER_CLASSES


def _distance(x: Tensor, y: Tensor, x0: Tensor, y0: Tensor, x1: Tensor, y1: Tensor) -> Tensor:
    """How far points lie to the right of the lines from one corner to another, in pixels; 0 to the left."""
    ops = keras().ops
    dx, dy = x1 - x0, y1 - y0
    cross = dx * (y - y0) - dy * (x - x0)
    return ops.maximum(cross / ops.maximum(ops.sqrt(dx * dx + dy * dy), 1e-3), 0.0)
