"""Pages of words set by fixed seeds, and where each of their words is: to check on, not to train on.

The typefaces are the DejaVu ones that come with Matplotlib, the words are invented. A word's quad bounds its ink; its
height is that of its capitals.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .fonts import capital_share, face
from .words import invented

FONTS = [
    Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVu{name}.ttf")
    for name in ("Sans", "Sans-Bold", "Serif", "SansMono")
]
WORDS = [word for word in invented() if len(word) >= 3]
SHORT = [word.upper() for word in invented() if len(word) <= 4]
WIDTH, HEIGHT = 1280, 720
WHITE, BLACK = 255, 0

Image8 = NDArray[np.uint8]
Quads = NDArray[np.float32]
Rng = np.random.Generator
Say = Callable[[Rng], str]


class Picture(NamedTuple):
    """A picture, uint8 RGB ``(H, W, 3)``, and its words, float32 ``(N, 4, 2)``, clockwise from each text's top-left."""

    image: Image8
    quads: Quads


class Page:
    """Something to write on."""

    def __init__(self, ground: Image8, ink: int | None = None) -> None:
        """``ink`` is a level, 0..255; without it black or white, what is further from the ground."""
        self.image = Image.fromarray(ground)
        self.draw = ImageDraw.Draw(self.image)
        self.ink = (BLACK if ground.mean() > 127 else WHITE) if ink is None else ink
        self.quads: list[Quads] = []

    @property
    def width(self) -> int:
        """In pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.image.height

    def write(self, x: int, baseline: int, text: str, font: Path, size: int) -> None:
        """Writes a word, ``x`` being where its first letter's advance begins."""
        self._letters(x, baseline, text, font, size)
        self._keep(ink_box(text, font, size, x, baseline))

    def stack(self, x: int, top: int, text: str, font: Path, size: int, pitch: int) -> None:
        """Writes the letters of a word one under the other, their middles at ``x``, their baselines ``pitch`` apart."""
        boxes = []
        for number, letter in enumerate(text):
            box = ink_box(letter, font, size)
            left, baseline = x - int(box[0] + box[2]) // 2, top - int(box[1]) + number * pitch
            self._letters(left, baseline, letter, font, size)
            boxes.append(ink_box(letter, font, size, left, baseline))
        self._keep(np.concatenate([np.min(boxes, axis=0)[:2], np.max(boxes, axis=0)[2:]]))

    def picture(self) -> Picture:
        """What was written."""
        return Picture(np.array(self.image, np.uint8), np.array(self.quads, np.float32).reshape(-1, 4, 2))

    def _letters(self, x: int, baseline: int, text: str, font: Path, size: int) -> None:
        self.draw.text((x, baseline), text, fill=(self.ink,) * 3, font=face(font, size), anchor="ls")

    def _keep(self, box: NDArray[np.int64]) -> None:
        left, top, right, bottom = box
        self.quads.append(np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32))


def ink_box(text: str, font: Path, size: int, x: int = 0, baseline: int = 0) -> NDArray[np.int64]:
    """Left, top, right and bottom of a text's ink, in pixels, where its first letter's advance begins at ``x``."""
    mask, offset = face(font, size).getmask2(text, "L", anchor="ls")
    return np.ravel(np.reshape(mask.getbbox(), (2, 2)) + np.add(offset, [x, baseline]))


def size_of(capital: float, font: Path) -> int:
    """The size, in pixels per em, at which capitals have a height."""
    return round(capital / capital_share(font))


def plain(level: int, width: int = WIDTH, height: int = HEIGHT) -> Image8:
    """A ground of one grey."""
    return np.full((height, width, 3), level, np.uint8)


def draws(row: str, count: int) -> Iterator[Rng]:
    """Generators of random numbers for the pictures of a row, the same whatever other rows there are."""
    for number in range(count):
        yield np.random.default_rng([zlib.crc32(row.encode()), number])


def pick(rng: Rng, items: Sequence[str]) -> str:
    """Any of them."""
    return items[rng.integers(len(items))]


def word(rng: Rng) -> str:
    """An invented word as running text or a sign has it."""
    text = pick(rng, WORDS)
    return [text, text, text.capitalize(), text.upper()][rng.integers(4)]


def long_word(rng: Rng) -> str:
    """A compound of 15 to 30 letters."""
    text = ""
    while not 15 <= len(text) <= 30:
        text = (text if len(text) < 15 else "") + pick(rng, WORDS)
    return text.upper() if rng.random() < 0.2 else text.capitalize()


def address(rng: Rng) -> str:
    """A web or mail address of some 20 to 50 characters."""
    one, two, three, four = (pick(rng, WORDS) for _ in range(4))
    forms = (
        f"https://www.{one}.com/{two}/{three}-{four}.html",
        f"www.{one}{two}.org/{three}",
        f"{one}.{two}@{three}-{four}.example",
        f"http://{one}{two}.net/?id={rng.integers(1000, 100000)}",
    )
    return pick(rng, forms)


def scatter(
    page: Page,
    rng: Rng,
    low: float,
    high: float,
    *,
    say: Say = word,
    most: int = 60,
    aspect: float = 8,
    margin: float = 0.05,
) -> Picture:
    """Writes words of ``low`` to ``high`` pixels, each in its own cell of a grid.

    Args:
        page: to write on.
        rng: decides everything.
        low: the least height.
        high: the largest.
        say: gives the words; those that do not fit a cell are passed over.
        most: how many words.
        aspect: width of a cell in heights.
        margin: least distance from the left and right border of the cell, in heights.
    """
    cell = np.minimum([aspect * high, 2.2 * high], [page.width, page.height]).astype(int)
    columns, rows = page.width // cell[0], page.height // cell[1]
    for place in rng.permutation(columns * rows)[:most]:
        corner = cell * [place % columns, place // columns]
        height, font = rng.uniform(low, high), FONTS[rng.integers(len(FONTS))]
        size, border = size_of(height, font), np.multiply([margin, 0.05], height).astype(int) + 1
        for _ in range(50):
            text = say(rng)
            box = ink_box(text, font, size)
            room = cell - 2 * border - (box[2:] - box[:2])
            if room.min() >= 0:
                x, y = corner + border + rng.integers(room + 1) - box[:2]
                page.write(int(x), int(y), text, font, size)
                break
    return page.picture()


def document(
    page: Page, rng: Rng, font: Path, size: int, margin: int, *, leading: float = 1.3, shortest: float = 0.85
) -> Picture:
    """Fills a page with lines of words; lines end at ``shortest`` of the width or later, and after them paragraphs."""
    space = round(float(face(font, size).getlength(" ")))
    for baseline in range(margin + size, page.height - margin, round(leading * size)):
        x, end = margin, margin + (page.width - 2 * margin) * rng.uniform(shortest, 1)
        if rng.random() < 0.06:
            continue
        text = pick(rng, WORDS).capitalize()
        while x + (advance := round(float(face(font, size).getlength(text)))) <= end:
            page.write(x, baseline, text, font, size)
            x += advance + space
            text = pick(rng, WORDS) + pick(rng, ("", "", "", "", "", "", ",", "."))
    return page.picture()


def turned(picture: Picture, degrees: float, level: int = WHITE) -> Picture:
    """Turns a picture clockwise, onto one that holds all of it, the corners of which have a grey level."""
    height, width = picture.image.shape[:2]
    matrix = np.asarray(cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0), np.float64)
    cos, sin = np.abs(matrix[0, :2])
    size = round(width * cos + height * sin), round(width * sin + height * cos)
    matrix[:, 2] += np.subtract(size, [width, height]) / 2
    image = cv2.warpAffine(picture.image, matrix, size, borderValue=(level,) * 3)
    quads = (picture.quads - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5  # OpenCV counts from pixels' middles
    return Picture(np.asarray(image, np.uint8), quads.astype(np.float32))
