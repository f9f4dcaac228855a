"""Random views of training pictures: where a crop comes from, how it is turned, coloured, blurred.

Written in `keras.ops` and driven by an array of uniform random numbers: all of it runs on the accelerator, inside the
training step, and a step's randomness is a function of the seed and the step's number alone.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ...frameworks import keras
from ...types import FILL
from ..config import Augmentation
from .dataset import IGNORED, TEXT
from .labels import Tensor, visible_share, word_sides

ops = keras().ops

NUMBERS_PER_VIEW = 32  # random numbers, the last few of them for `cutmix`


class Words(NamedTuple):
    """The words of a batch of views.

    Attributes:
        quads: float32 ``(B, W, 4, 2)``, in the views' pixels.
        kinds: int32 ``(B, W)``, `dataset.ABSENT`, `dataset.TEXT` or `dataset.IGNORED`.
        codes: uint8 ``(B, W, MAX_LETTERS)``, see `letters.encode_texts`.
    """

    quads: Tensor
    kinds: Tensor
    codes: Tensor

    def ignoring(self, hidden: Tensor) -> Words:
        """The same words, but those of the text that are ``hidden``, bool ``(B, W)``, are ignored."""
        return self._replace(kinds=ops.where(ops.logical_and(self.kinds == TEXT, hidden), IGNORED, self.kinds))


def make_views(
    pixels: Tensor, canvas: tuple[int, int], sizes: Tensor, words: Words, noise: Tensor, settings: Augmentation
) -> tuple[Tensor, Words]:
    """Draws one view of each picture: float32 ``(B, crop, crop, 3)``, RGB 0..255, and the words in the views' pixels.

    ``pixels``, ``canvas``, ``sizes`` and ``words`` are as `packing.PackedImages` holds them, of B pictures; ``noise``
    is float32 ``(B, NUMBERS_PER_VIEW)``, uniform in 0..1.
    """
    draw = _RandomNumbers(noise)
    forward, backward = _draw_transforms(draw, sizes, words, settings)
    crop = settings.crop
    quads = _apply(forward, words.quads[..., 0], words.quads[..., 1])
    quads = ops.stack(quads, axis=-1)
    hidden = (visible_share(quads, crop, crop) < settings.visible) | (word_sides(quads)[0] < settings.smallest_word)
    views = _sample(pixels, canvas, sizes, backward, crop)
    views = _blur(_recolour(views, draw, settings), draw, settings)
    return ops.clip(_add_noise(views, draw, settings), 0.0, 255.0), words._replace(quads=quads).ignoring(hidden)


class _RandomNumbers:
    """Hands out one random number for each view at a time."""

    def __init__(self, noise: Tensor) -> None:
        self._columns = iter(ops.unstack(noise, NUMBERS_PER_VIEW, axis=1))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * next(self._columns)

    def normal(self, deviation: float) -> Tensor:
        return deviation * math.sqrt(2) * ops.erfinv(ops.clip(2 * next(self._columns) - 1, -0.9999, 0.9999))

    def chance(self, share: float) -> Tensor:
        return next(self._columns) < share


def _draw_transforms(
    draw: _RandomNumbers, sizes: Tensor, words: Words, settings: Augmentation
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """Homographies of entries ``(B,)`` from picture to view and back."""
    height, width = sizes[:, 0], sizes[:, 1]
    low, high = (math.log(bound) for bound in settings.zoom)
    zoom_at = draw.uniform()
    zoom = ops.exp(low + (high - low) * zoom_at)
    aspect = ops.exp(draw.normal(settings.aspect) / 2)
    wide = draw.uniform(-settings.wide_rotation, settings.wide_rotation)
    angle = ops.where(draw.chance(settings.wide_share), wide, draw.normal(settings.rotation)) * (math.pi / 180)
    tilt_x, tilt_y = (draw.normal(2 * settings.perspective / settings.crop) for _ in range(2))

    is_text = ops.cast(words.kinds == TEXT, "int32")
    count = ops.sum(is_text, axis=1)
    chosen = ops.cast(draw.uniform() * ops.cast(count, "float32"), "int32")
    hit = ops.logical_and(ops.cumsum(is_text, axis=1) == chosen[:, None] + 1, is_text == 1)
    hit = ops.cast(hit, "float32")
    word = ops.sum(ops.mean(words.quads, axis=2) * hit[:, :, None], axis=1)  # (B, 2)
    near, off_centre = ops.logical_and(draw.chance(settings.near_word), count > 0), 0.4
    if settings.close:
        close = ops.logical_and(draw.chance(settings.close), count > 0)
        zoom = ops.where(close, _close_zoom(ops.sum(word_sides(words.quads) * hit, axis=-1), zoom_at, settings), zoom)
        near, off_centre = ops.logical_or(near, close), ops.where(close, 0.1, off_centre)
    reach = settings.crop / zoom  # side of the view in the picture's pixels
    centre_x = ops.where(near, word[:, 0] + reach * off_centre * draw.uniform(-1, 1), width * draw.uniform())
    centre_y = ops.where(near, word[:, 1] + reach * off_centre * draw.uniform(-1, 1), height * draw.uniform())
    centre_x, centre_y = _keep_within(centre_x, reach, width), _keep_within(centre_y, reach, height)

    one, zero = ops.ones_like(zoom), ops.zeros_like(zoom)
    middle = settings.crop / 2 * one
    cos, sin = ops.cos(angle), ops.sin(angle)
    sx, sy = zoom * aspect, zoom / aspect
    forward = _product(
        _move(middle, middle),
        [[one, zero, zero], [zero, one, zero], [tilt_x, tilt_y, one]],
        [[cos * sx, -sin * sy, zero], [sin * sx, cos * sy, zero], [zero, zero, one]],
        _move(-centre_x, -centre_y),
    )
    backward = _product(
        _move(centre_x, centre_y),
        [[cos / sx, sin / sx, zero], [-sin / sy, cos / sy, zero], [zero, zero, one]],
        [[one, zero, zero], [zero, one, zero], [-tilt_x, -tilt_y, one]],
        _move(-middle, -middle),
    )
    return forward, backward


def _close_zoom(sides: Tensor, height_at: Tensor, settings: Augmentation) -> Tensor:
    """Magnifications ``(B,)`` that show words of these shorter and longer ``sides``, ``(2, B)``, large but whole."""
    low, high = (math.log(bound) for bound in settings.close_height)
    zoom = ops.exp(low + (high - low) * height_at) / ops.maximum(sides[0], 1.0)
    zoom = ops.minimum(zoom, settings.crop / ops.maximum(sides[1], 1.0))
    return ops.clip(zoom, settings.zoom[0], settings.closest)


def _keep_within(centre: Tensor, reach: Tensor, length: Tensor, beyond: float = 0.1) -> Tensor:
    """Moves a view's centre so that a tenth of its reach at most lies beyond a border of a picture large enough."""
    margin = ops.minimum((0.5 - beyond) * reach, length / 2)
    return ops.clip(centre, margin, length - margin)


def _move(x: Tensor, y: Tensor) -> list[list[Tensor]]:
    one, zero = ops.ones_like(x), ops.zeros_like(x)
    return [[one, zero, x], [zero, one, y], [zero, zero, one]]


def _product(*matrices: list[list[Tensor]]) -> list[list[Tensor]]:
    """Product of 3x3 matrices, entry by entry: accelerators round the factors of a matrix product."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = [[sum(result[i][k] * matrix[k][j] for k in range(3)) for j in range(3)] for i in range(3)]
    return result


def _apply(matrix: list[list[Tensor]], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Maps points of any shape ``(B, ...)`` through homographies of entries ``(B,)``."""
    entries = [[ops.reshape(entry, (-1,) + (1,) * (len(x.shape) - 1)) for entry in row] for row in matrix]
    u, v, w = (row[0] * x + row[1] * y + row[2] for row in entries)
    w = ops.maximum(w, 0.05)
    return u / w, v / w


def _sample(pixels: Tensor, canvas: tuple[int, int], sizes: Tensor, backward: list[list[Tensor]], crop: int) -> Tensor:
    """Looks the views up in the pictures: the mean of four bilinear samples a pixel, against aliasing."""
    steps = ops.arange(crop, dtype="float32")
    y, x = (ops.reshape(values, (1, -1)) for values in ops.meshgrid(steps, steps, indexing="ij"))
    height, width = sizes[:, :1], sizes[:, 1:]
    total: Any = 0.0
    for dx, dy in ((-0.25, -0.25), (0.25, -0.25), (-0.25, 0.25), (0.25, 0.25)):
        source_x, source_y = _apply(backward, x + dx, y + dy)
        inside = (source_x >= -0.5) & (source_x < width - 0.5) & (source_y >= -0.5) & (source_y < height - 0.5)
        source_x = ops.clip(source_x, 0.0, width - 1.001)
        source_y = ops.clip(source_y, 0.0, height - 1.001)
        left, top = ops.floor(source_x), ops.floor(source_y)
        right_share, lower_share = (source_x - left)[..., None], (source_y - top)[..., None]
        index = ops.cast(top, "int32") * canvas[1] + ops.cast(left, "int32")
        corners = (_rgb(ops.take_along_axis(pixels, index + step, axis=1)) for step in (0, 1, canvas[1], canvas[1] + 1))
        upper_left, upper_right, lower_left, lower_right = corners
        upper = upper_left + (upper_right - upper_left) * right_share
        lower = lower_left + (lower_right - lower_left) * right_share
        colour = upper + (lower - upper) * lower_share
        total = total + ops.where(inside[..., None], colour, np.asarray(FILL, np.float32))
    return ops.reshape(total / 4, (-1, crop, crop, 3))


def _rgb(packed: Tensor) -> Tensor:
    channels = (ops.bitwise_and(ops.right_shift(packed, shift), 255) for shift in (0, 8, 16))
    return ops.cast(ops.stack(list(channels), axis=-1), "float32")


def _recolour(views: Tensor, draw: _RandomNumbers, settings: Augmentation) -> Tensor:
    def each(values: Tensor) -> Tensor:
        return values[:, None, None, None]

    mean = ops.mean(views, axis=(1, 2, 3), keepdims=True)
    views = (views - mean) * each(ops.exp(draw.normal(settings.contrast))) + mean
    grey = ops.mean(views, axis=-1, keepdims=True)
    views = grey + (views - grey) * each(ops.minimum(ops.exp(draw.normal(settings.saturation)), 2.0))
    tint = ops.stack([draw.normal(settings.tint) for _ in range(3)], axis=-1)[:, None, None, :]
    views = ops.clip(views + tint + each(draw.normal(settings.brightness)), 0.0, 255.0)
    return 255.0 * ops.power(views / 255.0 + 1e-4, each(ops.exp(draw.normal(settings.gamma))))


def _blur(views: Tensor, draw: _RandomNumbers, settings: Augmentation, reach: int = 3) -> Tensor:
    """Gaussian blur, of its own strength along each axis."""
    blurred = ops.cast(draw.chance(settings.blurred), "float32")
    for axis in (1, 2):
        deviation = ops.maximum(blurred * draw.uniform(0.0, settings.blur), 0.01)
        taps = [ops.exp(-(step**2) / (2 * ops.square(deviation))) for step in range(reach + 1)]
        norm = taps[0] + 2 * sum(taps[1:])
        size = views.shape[axis]
        padding = [[0, 0], [0, 0], [0, 0], [0, 0]]
        padding[axis] = [reach, reach]
        padded = ops.pad(views, padding, mode="reflect")
        total: Any = 0.0
        for step in range(-reach, reach + 1):
            window = [slice(None)] * 4
            window[axis] = slice(reach + step, reach + step + size)
            total = total + padded[tuple(window)] * (taps[abs(step)] / norm)[:, None, None, None]
        views = total
    return views


def _add_noise(views: Tensor, draw: _RandomNumbers, settings: Augmentation, period: int = 1021) -> Tensor:
    """Adds sensor noise, cut anywhere out of one long row of normal numbers."""
    row = np.random.default_rng(0).normal(size=period * period).astype(np.float32)
    strength = ops.cast(draw.chance(settings.noisy), "float32") * draw.uniform(0.0, settings.noise)
    start = ops.cast(draw.uniform(0.0, float(period * period)), "int32")
    count = int(np.prod(views.shape[1:]))
    index = (start[:, None] + ops.arange(count, dtype="int32")[None]) % (period * period)
    return views + ops.reshape(ops.take(row, index), views.shape) * strength[:, None, None, None]
