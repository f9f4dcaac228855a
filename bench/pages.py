"""Pictures for `bench.layouts`, drawn with fixed seeds, and where each of their words is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from east.training.synth.backgrounds import wall
from east.training.synth.pages import (
    BLACK,
    FONTS,
    HEIGHT,
    SHORT,
    WHITE,
    WIDTH,
    Page,
    Picture,
    Say,
    address,
    document,
    draws,
    long_word,
    pick,
    plain,
    scatter,
    size_of,
    turned,
)
from east.training.synth.words import CAPITALS
from tools.render_calibration import ground as photograph_like

Row = tuple[str, Picture]
"""A picture and the row of the table that it counts in."""


def heights() -> Iterator[Row]:
    """Words of 8 to 150 pixels, on paper and on walls, no nearer to each other than words of a line."""
    for height in (8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 150):
        row = f"{height} px"
        for number, rng in enumerate(draws(row, 2 if height < 60 else 4)):
            ground = plain(WHITE) if number % 2 == 0 else wall(rng, HEIGHT, WIDTH)
            yield row, scatter(Page(ground), rng, height, height, aspect=8 if height < 60 else 4, margin=0.15)


def huge() -> Iterator[Row]:
    """Words of 190 to 600 pixels, no nearer to each other than words of a line, and headlines over small print."""
    for height, (width, high) in product((190, 230, 350, 600), ((1280, 720), (2000, 2000), (4000, 3000))):
        row = f"{height} px in {width}x{high}"
        for number, rng in enumerate(draws(row, 4 if width == 1280 else 2)):
            page = Page(plain(WHITE, width, high) if number % 2 == 0 else wall(rng, high, width))
            yield row, scatter(page, rng, height, height, say=lambda rng: pick(rng, SHORT), aspect=3.6, margin=0.2)
    row = "300 px over lines of 24 px, 2000x2000"
    for rng in draws(row, 2):
        page = Page(plain(WHITE, 2000, 1000))
        scatter(page, rng, 300, 300, say=lambda rng: pick(rng, SHORT), aspect=3.2)
        small = document(Page(plain(WHITE, 2000, 1000)), rng, FONTS[0], 33, 60, leading=8, shortest=0.1)
        yield row, below(page.picture(), small)


def below(upper: Picture, lower: Picture) -> Picture:
    """Two pictures of one width, one under the other."""
    moved = lower.quads + np.array([0, upper.image.shape[0]], np.float32)
    return Picture(np.concatenate([upper.image, lower.image]), np.concatenate([upper.quads, moved]))


def turns() -> Iterator[Row]:
    """Pages that lie on a side or on their head, and crooked ones."""
    for degrees in (90, 180, 270, 5, -10, 20, -30, 45):
        row = f"turned by {degrees}°"
        for rng in draws(row, 2):
            yield row, turned(scatter(Page(plain(WHITE)), rng, 16, 40), degrees)


def shapes() -> Iterator[Row]:
    """Pictures that are long, tall or large."""
    for width, height in ((1080, 16000), (1080, 24000)):
        row = f"screenshot {width}x{height}"
        for rng in draws(row, 1):
            page = Page(plain(WHITE, width, height))
            yield row, document(page, rng, FONTS[0], 34, 60, leading=4, shortest=0.1)
    for width, height in ((8000, 300), (16000, 1080)):
        row = f"banner {width}x{height}"
        for rng in draws(row, 1):
            yield row, scatter(Page(plain(WHITE, width, height)), rng, 20, 60, most=150)
    row = "6000x4000, words of 30 px"
    for rng in draws(row, 1):
        yield row, scatter(Page(wall(rng, 4000, 6000)), rng, 30, 30, most=300)


def dense() -> Iterator[Row]:
    """Pages of A4, set in 10 points."""
    for dpi in (150, 300):
        row = f"A4 at {dpi} dpi"
        for rng, font in zip(draws(row, 2), (FONTS[0], FONTS[2]), strict=True):
            page = Page(plain(WHITE, round(8.27 * dpi), round(11.69 * dpi)))
            yield row, document(page, rng, font, round(10 * dpi / 72), round(0.8 * dpi))


def contrast() -> Iterator[Row]:
    """White on black, and greys that hardly differ."""
    levels = {"white on black": (BLACK, WHITE)}
    levels |= {f"{step} levels apart": (140, 140 - step) for step in (48, 24, 12)}
    for row, (ground, ink) in levels.items():
        for rng in draws(row, 2):
            yield row, scatter(Page(plain(ground), ink), rng, 16, 48, aspect=6)


def stacked() -> Iterator[Row]:
    """Words whose letters stand one under the other."""
    row = "stacked letters"
    for rng in draws(row, 3):
        page = Page(plain(WHITE))
        for x in range(80, WIDTH - 40, 100):
            font, count = FONTS[rng.integers(len(FONTS))], int(rng.integers(3, 8))
            letters = "".join(rng.choice(list(CAPITALS), count))
            height = rng.uniform(24, 48)
            pitch = round(height * rng.uniform(1.2, 1.5))
            top = int(rng.integers(20, HEIGHT - 20 - count * pitch))
            page.stack(x, top, letters, font, size_of(height, font), pitch)
        yield row, page.picture()


def single() -> Iterator[Row]:
    """Letters and digits that stand alone."""
    sorts: dict[str, Say] = {
        "single letters": lambda rng: pick(rng, CAPITALS),
        "single digits": lambda rng: pick(rng, "0123456789"),
    }
    for row, say in sorts.items():
        for rng in draws(row, 2):
            yield (
                row,
                scatter(Page(plain(WHITE)), rng, 20, 60, say=say, aspect=2.5),
            )


def long() -> Iterator[Row]:
    """Words that are much longer than high."""
    for row, say in {"words of 15 to 30 letters": long_word, "web and mail addresses": address}.items():
        for rng in draws(row, 3):
            yield row, scatter(Page(plain(WHITE)), rng, 14, 24, say=say, aspect=26)


def wordless() -> Iterator[Row]:
    """Pictures of nothing, of noise and of stripes."""
    for level in (WHITE, 128, BLACK):
        yield "blank", _empty(plain(level))
    for rng in draws("blank", 3):
        yield "blank", _empty(wall(rng, HEIGHT, WIDTH))
    for rng in draws("noise", 2):
        yield "noise", _empty(rng.integers(0, 256, (HEIGHT, WIDTH, 3)))
        yield "noise", _empty(128 + 40 * rng.normal(size=(HEIGHT, WIDTH, 1)))
        yield "noise", _empty(255 * (rng.random((HEIGHT, WIDTH, 1)) < 0.05))
        yield "noise", _empty(128 + 400 * cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)), (0, 0), 3)[..., None])
    for rng in draws("shapes and textures", 6):
        yield "shapes and textures", _empty(photograph_like(rng, HEIGHT, WIDTH))
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for period in (4, 8, 16, 32, 64):
        across, down = (2 * (place // (period // 2) % 2) - 1 for place in (x, y))
        for stripes in (across, down, across * down, 2 * ((x + y) // (period // 2) % 2) - 1):
            yield "stripes and squares", _empty(128 + 127 * stripes[..., None])


def _empty(levels: NDArray[np.generic]) -> Picture:
    image = np.clip(levels, 0, 255).astype(np.uint8)
    return Picture(np.ascontiguousarray(np.broadcast_to(image, (*image.shape[:2], 3))), np.empty((0, 4, 2), np.float32))


KINDS: dict[str, Callable[[], Iterable[Row]]] = {
    kind.__name__: kind for kind in (heights, huge, turns, shapes, dense, contrast, stacked, single, long, wordless)
}
