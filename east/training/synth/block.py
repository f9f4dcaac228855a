"""A block of text on a plane: lines of words as an ink mask, with the box of every word's ink."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .distractors import icons
from .fonts import capital_share, face, letters
from .words import Vocabulary

Word = str | Image.Image  # or an icon, whose ink is white


@dataclass(frozen=True, eq=False)
class Block:
    """Words on a plane, before the camera sees them.

    Attributes:
        ink: uint8 ``(H, W)``, how much of each pixel is ink.
        quads: float32 ``(W, 4, 2)``, in the mask's pixels, clockwise from each word's top-left corner.
        texts: what the words say.
    """

    ink: NDArray[np.uint8]
    quads: NDArray[np.float32]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Layout:
    """How a block is set. Lengths in pixels, other numbers in parts of the capitals' height."""

    capital: float
    lines: int
    words: int
    margin: float = 0.6
    leading: float = 1.7
    word_space: float = 0.55
    tracking: float = 0.0
    align: float = 0.0  # 0 left, 0.5 centred, 1 right
    icons: float = 0.0  # share of lines that begin or end with an arrow, a logo, foreign characters
    say: Literal["words", "long words", "single characters"] = "words"


def set_block(rng: np.random.Generator, font: Path, vocabulary: Vocabulary, layout: Layout) -> Block | None:
    """Sets random words; None where the typeface has none of their letters."""
    sizes = [layout.capital * (rng.uniform(1.0, 1.8) if layout.lines < 5 and rng.random() < 0.2 else 1.0)]
    sizes += [layout.capital * (1.0 if layout.lines > 4 else rng.uniform(0.7, 1.1)) for _ in range(layout.lines - 1)]
    say = {
        "words": vocabulary.line,
        "long words": vocabulary.long_line,
        "single characters": vocabulary.single_line,
    }[layout.say]
    lines = []
    for capital in sizes:
        words = [w for word in say(rng, layout.words) if (w := _spell(word, font))]
        if words:
            lines.append((words, max(5, round(capital / capital_share(font)))))
    if not lines:
        return None

    placed, y = [], 0.0
    for words, size in lines:
        capital, x = size * capital_share(font), 0.0
        y += capital * layout.leading
        row = []
        for word in _with_icon(rng, words, capital, layout.icons):
            row.append((word, size, x, y))
            if isinstance(word, str):
                advance = float(face(font, size).getlength(word)) + layout.tracking * capital * (len(word) - 1)
            else:
                advance = word.width
            x += advance + layout.word_space * capital
        placed.append((row, x - layout.word_space * capital))
    widest = max(width for _, width in placed)
    edge = layout.margin * layout.capital + 2
    canvas = Image.new("L", (int(widest + 2 * edge) + 2, int(y + layout.capital * 0.5 + 2 * edge)))
    quads, texts = [], []
    for row, width in placed:
        shift = edge + layout.align * (widest - width)
        for word, size, x, baseline in row:
            if not isinstance(word, str):
                canvas.paste(255, (int(x + shift), int(baseline + edge * 0.5) - word.height), mask=word)
                continue
            box = _write(canvas, word, font, size, x + shift, baseline + edge * 0.5, layout.tracking)
            if box[2] - box[0] > 1 and box[3] - box[1] > 1:
                quads.append(_corners(box, padding=0.05 * size))
                texts.append(word)
    if not quads:
        return None
    return Block(np.asarray(canvas), np.asarray(quads, np.float32), tuple(texts))


def set_stacks(rng: np.random.Generator, font: Path, vocabulary: Vocabulary, layout: Layout) -> Block | None:
    """Sets words beside each other, the letters of each one under the other; None where the typeface lacks them."""
    words = [w.upper()[:10] for word in vocabulary.line(rng, layout.words) if (w := _spell(word.upper(), font))]
    size = max(5, round(layout.capital / capital_share(font)))
    pitch, column = layout.capital * (1.15 + layout.tracking), layout.capital * (1.6 + layout.word_space)
    edge = layout.margin * layout.capital + 2
    if not words:
        return None
    height = pitch * max(map(len, words)) + 2 * edge + layout.capital
    canvas = Image.new("L", (int(column * len(words) + 2 * edge), int(height)))
    quads = []
    for number, word in enumerate(words):
        middle, boxes = edge + column * (number + 0.5), []
        for row, letter in enumerate(word):
            x = middle - float(face(font, size).getlength(letter)) / 2
            boxes.append(_write(canvas, letter, font, size, x, edge + layout.capital + row * pitch, 0.0))
        array = np.asarray(boxes)
        quads.append(_corners((*array[:, :2].min(axis=0), *array[:, 2:].max(axis=0)), padding=0.05 * size))
    return Block(np.asarray(canvas), np.asarray(quads, np.float32), tuple(words))


def bend(rng: np.random.Generator, block: Block) -> Block:
    """Sets the block on an arc; each word's quad follows its own stretch of the arc."""
    height, width = block.ink.shape
    rise = rng.uniform(-0.25, 0.25) * min(width, 6 * height)
    margin = abs(rise) + 2

    def lift(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(rise * (2 * x / width - 1) ** 2 + max(-rise, 0) + 1, np.float32)

    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height + margin, dtype=np.float32))
    ink = cv2.remap(block.ink, x, y - lift(x), cv2.INTER_LINEAR)
    quads = block.quads.copy()
    quads[..., 1] += lift(quads[..., 0])
    return Block(np.asarray(ink, np.uint8), quads, block.texts)


def _spell(word: str, font: Path) -> str | None:
    has = letters(font)
    return next((w for w in (word, word.upper(), word.lower()) if set(w) <= has), None)


def _with_icon(rng: np.random.Generator, words: list[str], capital: float, share: float) -> list[Word]:
    """A line's words, and perhaps an icon about as high as they are before or after them."""
    if rng.random() >= share:
        return list(words)
    icon = Image.fromarray(icons(rng, max(6, int(capital * rng.uniform(0.9, 1.5)))))
    return [icon, *words] if rng.random() < 0.7 else [*words, icon]


def _write(
    canvas: Image.Image, word: str, font: Path, size: int, x: float, baseline: float, tracking: float
) -> tuple[float, float, float, float]:
    """Draws a word; returns the box of its ink: left, top, right, bottom."""
    typeface = face(font, size)
    if not tracking:
        ImageDraw.Draw(canvas).text((x, baseline), word, fill=255, font=typeface, anchor="ls")
        left, top, right, bottom = typeface.getbbox(word, anchor="ls")  # as wide as the word's advance
        left, top = int(x + left), int(baseline + top)
        ink = canvas.crop((left, top, int(x + right) + 2, int(baseline + bottom) + 2)).getbbox()
        return (left + ink[0], top + ink[1], left + ink[2], top + ink[3]) if ink else (left, top, left, top)
    boxes = []
    for character in word:
        boxes.append(_write(canvas, character, font, size, x, baseline, 0.0))
        x += float(typeface.getlength(character)) + tracking * size * capital_share(font)
    array = np.asarray(boxes)
    return (*array[:, :2].min(axis=0), *array[:, 2:].max(axis=0))


def _corners(box: tuple[float, float, float, float], padding: float) -> list[tuple[float, float]]:
    left, top, right, bottom = box[0] - padding, box[1] - padding, box[2] + padding, box[3] + padding
    return [(left, top), (right, top), (right, bottom), (left, bottom)]
