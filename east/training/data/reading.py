"""Reading as a second task in training: which letter lies at each point of a word.

A network that has to read what it finds tells words from what looks like words, and one word from two (Liu et al.,
"FOTS: Fast Oriented Text Spotting with a Unified Network", CVPR 2018, train detection and recognition together). The
layers that read serve training alone; the network that is written down does not have them.
"""

from __future__ import annotations

from typing import Any

from ...frameworks import keras as import_keras
from .spelling import LONGEST, SYMBOLS

keras = import_keras()
ops = keras.ops
Tensor = Any

FEATURES = "feature_fusion.Conv_5.Relu"  # what is read from
LOWEST = 8.0  # pixels; lower words are not read
NARROWEST, WIDEST = 0.25, 1.6  # widths of a letter in parts of its height beyond which a word is not read


def letters_at(x: Tensor, y: Tensor, words: Tensor, quads: Tensor, spelled: Tensor) -> tuple[Tensor, Tensor]:
    """Which letter of its word lies at each point, taking all letters of a word to be of one width.

    Args:
        x: float32 ``(P,)``, in image pixels.
        y: likewise.
        words: int32 ``(B, P)``, the word that each point lies in.
        quads: float32 ``(B, W, 4, 2)``, clockwise from the text's top-left corner.
        spelled: ``(B, W, LONGEST)``, see `spelling.spell`.

    Returns: the letters, int32 ``(B, P)`` of 1 to `SYMBOLS`, 0 where nothing is to be read; and how sure that is,
        float32 ``(B, P)``: 1 in a letter's middle, falling to 0 halfway to the next one's.
    """
    spelled = ops.cast(spelled, "int32")
    count = ops.cast(ops.sum(ops.cast(spelled > 0, "int32"), axis=-1), "float32")  # (B, W)
    top, right, bottom, left = (_length(quads[:, :, (c + 1) % 4] - quads[:, :, c]) for c in range(4))
    height, letter = (left + right) / 2, (top + bottom) / 2 / ops.maximum(count, 1.0)
    upright = (letter >= NARROWEST * height) & (letter <= WIDEST * height)
    readable = ops.cast(upright & (height >= LOWEST) & (count > 0), "float32")

    entries = ops.concatenate([ops.reshape(quads, (*quads.shape[:2], 8)), count[..., None], readable[..., None]], -1)
    x0, y0, x1, y1, x2, y2, x3, y3, count, readable = ops.unstack(
        ops.take_along_axis(entries, words[:, :, None], axis=1), axis=-1
    )  # (B, P) each
    from_left = _distance(x, y, x3, y3, x0, y0)
    from_right = _distance(x, y, x1, y1, x2, y2)
    place = count * from_left / ops.maximum(from_left + from_right, 1e-3)
    number = ops.clip(ops.floor(place), 0, ops.maximum(count - 1, 0))
    sure = readable * ops.clip(1 - ops.abs(2 * (place - number) - 1), 0.0, 1.0)
    index = words * LONGEST + ops.cast(number, "int32")
    letters = ops.take_along_axis(ops.reshape(spelled, (spelled.shape[0], -1)), index, axis=1)
    return ops.where(readable > 0, letters, 0), sure


def with_reader(network: Any) -> Any:
    """The network with a third output, float32 ``(N, H/4, W/4, SYMBOLS)``, the logits of the letters."""
    layers, last = keras.layers, network.get_layer(FEATURES)
    conv = layers.Conv2D(64, 3, padding="same", activation="relu", dtype=last.dtype_policy, name="reader.Conv")
    letters = layers.Conv2D(SYMBOLS, 1, dtype="float32", name="reader.Conv_1")(conv(last.output))
    return keras.Model(network.inputs[0], (*network.outputs, letters), name="east_with_reader")


def _distance(x: Tensor, y: Tensor, x0: Tensor, y0: Tensor, x1: Tensor, y1: Tensor) -> Tensor:
    """How far points lie to the right of the lines from one corner to another, in pixels; 0 to the left."""
    dx, dy = x1 - x0, y1 - y0
    cross = dx * (y - y0) - dy * (x - x0)
    return ops.maximum(cross / ops.maximum(ops.sqrt(dx * dx + dy * dy), 1e-3), 0.0)


def _length(vectors: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(vectors), axis=-1))
