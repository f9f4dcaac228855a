"""The targets of the network: score, geometry and letters, and which pixels count, from the quads of words.

Written in `keras.ops`, so that the same code runs inside the training step of every backend.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...frameworks import keras
from ...types import STRIDE
from .dataset import IGNORED, TEXT
from .letters import letter_targets

ops = keras().ops
Tensor = Any


class Targets(NamedTuple):
    """What the network shall say about a batch of images, at stride 4; map pixel (i, j) is image point (4j, 4i).

    Attributes:
        score: float32 ``(B, H/4, W/4)``, 1 in the shrunk core of a word.
        geometry: float32 ``(B, H/4, W/4, 5)``, where score is 1: distances to the top, right, bottom and left side of
            the word's rectangle in image pixels, and its angle in radians, positive where text climbs to the right.
        counted: float32 ``(B, H/4, W/4)``, 0..1, how much the score there counts: 0 where an ignored word lies.
        weight: float32 ``(B, H/4, W/4)``, where score is 1: one over the square root of the word's area, in 1/px.
        letters: int32 ``(B, H/4, W/4)``, where score is 1: the letter there, 1 to `LETTER_CLASSES`; 0 where nothing
            is to be read.
        certainty: float32 ``(B, H/4, W/4)``, 0..1, how sure that letter is.
        word: int32 ``(B, H/4, W/4)``, where score is 1: a number that the pixels of one word of an image share, below
            `MOST_WORDS`, and twice that where views are mixed.
    """

    score: Tensor
    geometry: Tensor
    counted: Tensor
    weight: Tensor
    letters: Tensor
    certainty: Tensor
    word: Tensor


class Rectangles(NamedTuple):
    """Rectangles as float32 ``(..., W)`` each: centre, width, height in pixels, angle in radians within ±π/4."""

    x: Tensor
    y: Tensor
    width: Tensor
    height: Tensor
    angle: Tensor


def make_targets(
    quads: Tensor,
    kinds: Tensor,
    codes: Tensor,
    height: int,
    width: int,
    *,
    shrink: float = 0.3,
    min_core: float = 4.5,
    even_area: float = 0.0,
) -> Targets:
    """Draws the targets of a batch of images, ``height`` by ``width`` pixels, multiples of 4, from its `augment.Words`.

    The score map follows EAST (Zhou et al., CVPR 2017, section 3.3.1): a word's core is its quad with every side moved
    inwards, see `shrink_quads`. Where words overlap, the smaller one wins. ``even_area`` as in `config.Recipe`: without
    it one large word outweighs all the small ones of a batch.
    """
    areas = ops.abs(_signed_area(quads))
    order = ops.argsort(areas, axis=1)  # smallest first, so that the first word found at a pixel is the one that wins
    quads = ops.take_along_axis(quads, order[:, :, None, None], axis=1)
    kinds = ops.take_along_axis(kinds, order, axis=1)
    codes = ops.take_along_axis(codes, order[:, :, None], axis=1)
    areas = ops.take_along_axis(areas, order, axis=1)
    words = quads.shape[1]

    sides = (ops.arange(0, side, STRIDE, dtype="float32") for side in (height, width))
    y, x = (ops.reshape(values, (-1,)) for values in ops.meshgrid(*sides, indexing="ij"))
    inside_core = ops.logical_and(_inside(shrink_quads(quads, shrink, min_core), x, y), (kinds == TEXT)[:, :, None])
    inside = _inside(quads, x, y)
    inside_ignored = ops.logical_and(inside, (kinds == IGNORED)[:, :, None])
    ranks = ops.arange(words, dtype="int32")[None, :, None]
    winner = ops.min(ops.where(inside_core, ranks, words), axis=1)  # (B, P), the word at each of the P map points
    is_text = winner < words
    counted = ops.logical_or(is_text, ops.logical_not(ops.any(inside_ignored, axis=1)))
    counted = ops.cast(counted, "float32")
    if even_area:
        within = ops.logical_and(inside, (kinds == TEXT)[:, :, None])  # the core, and what lies around it
        nearest = ops.min(ops.where(within, ranks, words), axis=1)
        of_word = ops.where(is_text, winner, ops.minimum(nearest, words - 1))
        share = ops.sqrt(even_area / ops.maximum(ops.take_along_axis(areas, of_word, axis=1), even_area))
        counted = ops.where(ops.logical_or(is_text, nearest < words), counted * share, counted)

    rectangles = ops.stack([*minimum_area_rectangles(quads), areas], axis=-1)  # (B, W, 6)
    winner = ops.where(is_text, winner, 0)
    rectangles = ops.take_along_axis(rectangles, winner[:, :, None], axis=1)
    centre_x, centre_y, w, h, angle, area = ops.unstack(rectangles, axis=-1)
    cos, sin = ops.cos(angle), ops.sin(angle)
    dx, dy = x[None] - centre_x, y[None] - centre_y
    along, across = dx * cos - dy * sin, dx * sin + dy * cos
    geometry = ops.stack([h / 2 + across, w / 2 - along, h / 2 - across, w / 2 + along, angle], axis=-1)

    letters, certainty = letter_targets(x, y, winner, quads, codes)

    rows, columns = height // STRIDE, width // STRIDE
    score = ops.cast(is_text, "float32")
    return Targets(
        score=ops.reshape(score, (-1, rows, columns)),
        geometry=ops.reshape(geometry * score[:, :, None], (-1, rows, columns, 5)),
        counted=ops.reshape(counted, (-1, rows, columns)),
        word=ops.reshape(winner, (-1, rows, columns)),
        weight=ops.reshape(score / ops.sqrt(ops.maximum(area, 1.0)), (-1, rows, columns)),
        letters=ops.reshape(ops.where(is_text, letters, 0), (-1, rows, columns)),
        certainty=ops.reshape(certainty * score, (-1, rows, columns)),
    )


def shrink_quads(quads: Tensor, shrink: float, min_core: float) -> Tensor:
    """The cores of quads ``(..., 4, 2)``: each corner moved along both its sides.

    A corner moves by ``shrink`` times its shorter side, but never so far that less than ``min_core`` pixels are left
    between opposite sides: small words would fall between the map's points.
    """
    forward = ops.roll(quads, -1, axis=-2) - quads
    backward = ops.roll(quads, 1, axis=-2) - quads
    length_forward, length_backward = _length(forward), _length(backward)
    shorter = ops.minimum(length_forward, length_backward)
    step = ops.minimum(shrink * shorter, ops.maximum((shorter - min_core) / 2, 0.0))
    return quads + step * (forward / ops.maximum(length_forward, 1e-6) + backward / ops.maximum(length_backward, 1e-6))


def minimum_area_rectangles(quads: Tensor) -> Rectangles:
    """Smallest rectangles around quads ``(..., 4, 2)``, turned by at most 45 degrees.

    A side of the smallest rectangle lies on a side of the convex hull (Freeman and Shapira, 1975), which is one of the
    six lines through two corners.
    """
    corner, other = [0, 1, 2, 3, 0, 1], [1, 2, 3, 0, 2, 3]
    line = ops.take(quads, other, axis=-2) - ops.take(quads, corner, axis=-2)  # (..., 6, 2)
    angle = ops.arctan2(-line[..., 1], line[..., 0])
    angle = angle - ops.round(angle / (math.pi / 2)) * (math.pi / 2)
    cos, sin = ops.cos(angle)[..., None], ops.sin(angle)[..., None]
    x, y = quads[..., None, :, 0], quads[..., None, :, 1]
    along, across = x * cos - y * sin, x * sin + y * cos  # (..., 6, 4)
    low, high = ops.min(along, axis=-1), ops.max(along, axis=-1)
    top, bottom = ops.min(across, axis=-1), ops.max(across, axis=-1)
    best = ops.argmin((high - low) * (bottom - top), axis=-1)[..., None]

    low, high, top, bottom, angle = (
        ops.take_along_axis(values, best, axis=-1)[..., 0] for values in (low, high, top, bottom, angle)
    )
    u, v = (low + high) / 2, (top + bottom) / 2
    cos, sin = ops.cos(angle), ops.sin(angle)
    return Rectangles(u * cos + v * sin, v * cos - u * sin, high - low, bottom - top, angle)


def visible_share(quads: Tensor, height: int, width: int) -> Tensor:
    """Share of each quad ``(..., 4, 2)`` that lies inside the image, 0..1, counted on a grid of points within it."""
    return _share_between(quads, 0, 0, width, height)


def share_within(quads: Tensor, rectangles: Tensor) -> Tensor:
    """Share of each quad ``(B, W, 4, 2)`` that lies in its image's rectangle, ``(B, 4)``: left, top, right, bottom."""
    return _share_between(quads, *ops.unstack(rectangles[:, None, None, None, :], 4, axis=-1))


def _share_between(quads: Tensor, left: Tensor, top: Tensor, right: Tensor, bottom: Tensor, grid: int = 8) -> Tensor:
    steps = (ops.arange(grid, dtype="float32") + 0.5) / grid
    s, t = steps[:, None, None], steps[None, :, None]
    p0, p1, p2, p3 = (quads[..., None, None, corner, :] for corner in range(4))
    points = (p0 * (1 - s) + p1 * s) * (1 - t) + (p3 * (1 - s) + p2 * s) * t  # (..., grid, grid, 2)
    x, y = points[..., 0], points[..., 1]
    inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return ops.mean(ops.cast(inside, "float32"), axis=(-2, -1))


def word_sides(quads: Tensor) -> Tensor:
    """Mean lengths of both pairs of opposite sides of quads ``(..., 4, 2)``: pixels, ``(2, ...)``, shorter first."""
    lengths = _length(ops.roll(quads, -1, axis=-2) - quads)[..., 0]
    pairs = lengths[..., 0] + lengths[..., 2], lengths[..., 1] + lengths[..., 3]
    return ops.stack([ops.minimum(*pairs), ops.maximum(*pairs)]) / 2


def _inside(quads: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Which points ``(P,)`` lie within which clockwise convex quads ``(B, W, 4, 2)``: bool ``(B, W, P)``."""
    inside = None
    for corner in range(4):
        here, there = quads[:, :, corner, None, :], quads[:, :, (corner + 1) % 4, None, :]
        edge = there - here
        right = edge[..., 0] * (y - here[..., 1]) - edge[..., 1] * (x - here[..., 0]) >= 0
        inside = right if inside is None else ops.logical_and(inside, right)
    return inside


def _signed_area(quads: Tensor) -> Tensor:
    x, y = quads[..., 0], quads[..., 1]
    return 0.5 * ops.sum(x * ops.roll(y, -1, axis=-1) - y * ops.roll(x, -1, axis=-1), axis=-1)


def _length(vectors: Tensor) -> Tensor:
    return ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True))
