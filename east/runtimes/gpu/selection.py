"""Candidate selection inside a TensorFlow graph, so that only what is wanted leaves the GPU, in one piece.

Per image one float32 vector: the score map, then for each of ``capacity`` slots the pixel's index in the map, then
their geometries, then how many pixels scored above the threshold, be there slots for them or not. Indices are whole
numbers below 2**24, which float32 holds exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frameworks import tensorflow
from ...types import Candidates

THRESHOLD, PACKED = "score_threshold", "packed"
"""The input and the output of an ONNX model that selects."""

SHARE = 16  # of a map's pixels, one has a slot


def capacity(pixels: int) -> int:
    """Slots for a map of so many pixels: a sixteenth of them, which is more than text covers on most photographs."""
    return -(-pixels // SHARE)


def packed_length(pixels: int) -> int:
    """The length of the vector of one image, by the pixels of its map."""
    return pixels + 6 * capacity(pixels) + 1


def pack(score: Any, geometry: Any, threshold: Any) -> Any:
    """Packs maps, tensors (N, h, w, 1) and (N, h, w, 5) of known shapes, into a tensor (N, length)."""
    tf = tensorflow()
    batch, height, width, _ = score.shape
    pixels = height * width
    slots = capacity(pixels)
    flat = tf.reshape(score, [batch, pixels])
    passed = flat > threshold
    rank = tf.cumsum(tf.cast(passed, tf.int32), axis=1)
    # A pixel goes to the slot of its rank; those that did not pass, or find no slot, go out of bounds and are dropped.
    slot = tf.where(passed & (rank <= slots), rank - 1, slots)
    image = tf.broadcast_to(tf.range(batch)[:, None], [batch, pixels])
    slot = tf.where(slot < slots, image * slots + slot, batch * slots)
    index = tf.broadcast_to(tf.range(pixels)[None], [batch, pixels])
    chosen = tf.scatter_nd(tf.reshape(slot, [-1, 1]), tf.reshape(index, [-1]), [batch * slots])
    chosen = tf.reshape(chosen, [batch, slots])
    picked = tf.gather(tf.reshape(geometry, [batch, pixels, 5]), chosen, batch_dims=1)
    indices, count = tf.cast(chosen, tf.float32), tf.cast(rank[:, -1:], tf.float32)
    return tf.concat([flat, indices, tf.reshape(picked, [batch, slots * 5]), count], axis=1)


def unpack(packed: NDArray[np.float32], height: int, width: int) -> Candidates | None:
    """Candidates from the vector of one image with maps of ``height`` x ``width``; None when slots ran out."""
    pixels = height * width
    slots = capacity(pixels)
    count = int(packed[-1])
    if count > slots:
        return None
    index = packed[pixels : pixels + count].astype(np.int32)
    geometry = packed[pixels + slots : -1].reshape(slots, 5)[:count]
    at = np.stack(np.divmod(index, np.int32(width)), axis=1)
    return Candidates(at, geometry, packed[:pixels].reshape(height, width))


def cropped(found: Candidates, height: int, width: int) -> Candidates:
    """The candidates in the top-left ``height`` x ``width`` pixels of the map, with that part of it."""
    inside = (found.pixels < (height, width)).all(axis=1) & np.isfinite(found.geometry).all(axis=1)
    score_map = np.ascontiguousarray(found.score_map[:height, :width])
    return Candidates(found.pixels[inside], found.geometry[inside], score_map)
