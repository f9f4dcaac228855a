"""Pictures for `bench.layouts`, drawn with fixed seeds, and where each of their words is.

The typefaces are the DejaVu ones that come with Matplotlib, the words are invented. A word's quad bounds its ink; its
height is that of its capitals.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from east.training.synth.backgrounds import wall
from east.training.synth.fonts import capital_share, face
from east.training.synth.words import CAPITALS, invented
from tools.render_calibration import ground as photograph_like

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


Row = tuple[str, Picture]
"""A picture and the row of the table that it counts in."""


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
    page: Page, rng: Rng, low: float, high: float, *, say: Say = word, most: int = 60, aspect: float = 8
) -> Picture:
    """Writes words of ``low`` to ``high`` pixels, none near another: each in its own cell of a grid.

    Args:
        page: to write on.
        rng: decides everything.
        low: the least height.
        high: the largest.
        say: gives the words; those that do not fit a cell are passed over.
        most: how many words.
        aspect: width of a cell in heights.
    """
    cell = np.minimum([aspect * high, 2.2 * high], [page.width, page.height]).astype(int)
    columns, rows = page.width // cell[0], page.height // cell[1]
    for place in rng.permutation(columns * rows)[:most]:
        corner = cell * [place % columns, place // columns]
        height, font = rng.uniform(low, high), FONTS[rng.integers(len(FONTS))]
        size, margin = size_of(height, font), int(0.05 * height) + 1
        for _ in range(50):
            text = say(rng)
            box = ink_box(text, font, size)
            room = cell - 2 * margin - (box[2:] - box[:2])
            if room.min() >= 0:
                x, y = corner + margin + rng.integers(room + 1) - box[:2]
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


def heights() -> Iterator[Row]:
    """Words of 8 to 150 pixels, on paper and on walls."""
    for height in (8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 150):
        row = f"{height} px"
        for number, rng in enumerate(draws(row, 2 if height < 60 else 4)):
            ground = plain(WHITE) if number % 2 == 0 else wall(rng, HEIGHT, WIDTH)
            yield row, scatter(Page(ground), rng, height, height, aspect=8 if height < 60 else 4)


def huge() -> Iterator[Row]:
    """Words of 190 to 600 pixels, and headlines over small print."""
    for height, (width, high) in product((190, 230, 350, 600), ((1280, 720), (2000, 2000), (4000, 3000))):
        row = f"{height} px in {width}x{high}"
        for number, rng in enumerate(draws(row, 4 if width == 1280 else 2)):
            ground = plain(WHITE, width, high) if number % 2 == 0 else wall(rng, high, width)
            yield row, scatter(Page(ground), rng, height, height, say=lambda rng: pick(rng, SHORT), aspect=3.2)
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
