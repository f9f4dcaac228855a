"""Pages of the kinds of text that photographs of a benchmark have too few of, the same in every run.

They are drawn on walls and plain grounds, in colours of little and of much contrast, on pages of one size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from ...options import EVALUATION_SIZE
from ..synth.backgrounds import wall
from ..synth.distractors import barcode, grating, grid
from ..synth.pages import (
    FONTS,
    SHORT,
    Image8,
    Page,
    Picture,
    Rng,
    address,
    document,
    draws,
    long_word,
    pick,
    plain,
    scatter,
    size_of,
    turned,
    word,
)
from ..synth.words import CAPITALS
from .cases import Case, truth_in_window

PAGE = EVALUATION_SIZE
HEIGHT, WIDTH = PAGE
HEIGHTS = ((8, 12), (12, 20), (20, 40), (40, 64), (64, 100), (100, 150), (150, 220), (220, 350), (350, 600))
TURNS = ((15, 30), (30, 42), (42, 48), (48, 60), (60, 90))
LEAST_CONTRAST = 70  # levels between ink and ground

Draw = Callable[[Rng], Picture]


def drawn(count: int) -> Iterator[Case]:
    """Draws ``count`` pages of each kind."""
    for kind, draw in KINDS.items():
        for rng in draws(f"validation, {kind}", count):
            image, quads = draw(rng)
            counted = np.ones(len(quads), np.bool_)
            yield Case(kind, image, truth_in_window(quads, ["word"] * len(quads), counted, PAGE))


def of_height(low: float, high: float, rng: Rng) -> Picture:
    """Words, between ``low`` and ``high`` pixels; the largest are short."""
    say = word if high <= 150 else (lambda rng: pick(rng, SHORT)) if high <= 350 else (lambda rng: pick(rng, SHORT)[:2])
    return scatter(_page(rng), rng, low, high, say=say, aspect=8 if high <= 64 else 4 if high <= 150 else 3, most=30)


def turned_by(low: float, high: float, rng: Rng) -> Picture:
    """Words on a page turned to either side by ``low`` to ``high`` degrees."""
    level, side = int(rng.integers(256)), math.ceil(math.hypot(HEIGHT, WIDTH))
    page = scatter(Page(plain(level, side, side), _ink(rng, level)), rng, 16, 60, most=80)
    image, quads = turned(page, float(rng.uniform(low, high) * rng.choice([-1, 1])), level)
    top, left = (image.shape[0] - HEIGHT) // 2, (image.shape[1] - WIDTH) // 2
    window = np.ascontiguousarray(image[top : top + HEIGHT, left : left + WIDTH])
    return Picture(window, quads - np.asarray([left, top], np.float32))


def long_words(rng: Rng) -> Picture:
    """Compounds of 15 to 30 letters."""
    return scatter(_page(rng), rng, 14, 32, say=long_word, aspect=26)


def addresses(rng: Rng) -> Picture:
    """Web and mail addresses."""
    return scatter(_page(rng), rng, 12, 28, say=address, aspect=36)


def single(rng: Rng) -> Picture:
    """Letters and digits that stand alone."""
    return scatter(_page(rng), rng, 16, 90, say=lambda rng: pick(rng, CAPITALS + "0123456789"), aspect=2.2, most=40)


def stacked(rng: Rng) -> Picture:
    """Words whose letters stand one under the other."""
    page = _page(rng)
    for x in range(70, WIDTH - 60, 130):
        font, count = FONTS[rng.integers(len(FONTS))], int(rng.integers(3, 8))
        height = rng.uniform(20, 60)
        pitch = round(height * rng.uniform(1.15, 1.5))
        count = min(count, (HEIGHT - 40) // pitch)
        top = int(rng.integers(20, HEIGHT - 20 - count * pitch + 1))
        page.stack(x, top, "".join(rng.choice(list(CAPITALS), count)), font, size_of(height, font), pitch)
    return page.picture()


def text_page(rng: Rng) -> Picture:
    """Lines of running text in small print, dark on bright or the reverse."""
    bright = int(rng.integers(225, 256))
    ground, ink = (bright, int(rng.integers(60))) if rng.random() < 0.8 else (255 - bright, 235)
    page = Page(plain(ground, WIDTH, HEIGHT), ink)
    size = int(rng.integers(17, 34))
    return document(page, rng, FONTS[rng.integers(len(FONTS))], size, 2 * size, leading=rng.uniform(1.15, 1.5))


def blank(rng: Rng) -> Picture:
    """Nothing."""
    return _wordless(wall(rng, HEIGHT, WIDTH) if rng.random() < 0.5 else plain(int(rng.integers(256)), WIDTH, HEIGHT))


def textures(rng: Rng) -> Picture:
    """Noise, bars and grids, which are no text."""
    kind = int(rng.integers(4))
    if kind == 0:
        noise = 128 + rng.uniform(10, 80) * rng.normal(size=(HEIGHT, WIDTH, 1))
        return _wordless(np.repeat(np.clip(noise, 0, 255).astype(np.uint8), 3, axis=2))
    image = wall(rng, HEIGHT, WIDTH)
    ink = np.asarray(rng.uniform(0, 255, 3), np.uint8)
    for _ in range(8):
        mask = (grating, barcode, grid)[kind - 1](rng, int(rng.integers(20, 90)))[:HEIGHT, :WIDTH]
        y, x = (int(rng.integers(room + 1)) for room in (HEIGHT - mask.shape[0], WIDTH - mask.shape[1]))
        image[y : y + mask.shape[0], x : x + mask.shape[1]][mask > 127] = ink
    return _wordless(image)


def _page(rng: Rng) -> Page:
    """A wall or a plain ground, and an ink that differs from all of it."""
    if rng.random() < 0.5:
        level = int(rng.integers(256))
        return Page(plain(level, WIDTH, HEIGHT), _ink(rng, level))
    ground = wall(rng, HEIGHT, WIDTH)
    dark, bright = np.percentile(ground.mean(axis=2), [1, 99])
    return Page(ground, 255 if 255 - bright > dark else 0)


def _ink(rng: Rng, level: int) -> int:
    """A level that differs from another."""
    darker, brighter = level - LEAST_CONTRAST, 255 - level - LEAST_CONTRAST
    if darker > 0 and (brighter <= 0 or rng.random() < 0.5):
        return int(rng.integers(darker + 1))
    return 255 - int(rng.integers(brighter + 1))


def _wordless(image: Image8) -> Picture:
    return Picture(image, np.empty((0, 4, 2), np.float32))


KINDS: dict[str, Draw] = {
    **{f"{low} to {high} px": partial(of_height, low, high) for low, high in HEIGHTS},
    **{f"turned by {low} to {high} degrees": partial(turned_by, low, high) for low, high in TURNS},
    "words of 15 to 30 letters": long_words,
    "web and mail addresses": addresses,
    "single letters and digits": single,
    "stacked letters": stacked,
    "pages of text": text_page,
    "blank": blank,
    "textures": textures,
}
