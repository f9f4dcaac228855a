"""How well words are put in lines and in order: ``python bench/reading_order.py [--pages 20]``.

A Markdown table. Pages are drawn for it, so that their order is known, and no detector is needed: lines are made of the
words' own boxes, and of boxes whose corners are up to a tenth of their height off. ``lines`` is the F1 of pairs of
words that follow each other in a line, ``in order`` the share of pages of which every word is in its place.

With ICDAR2015_DIR the lines of 26 of its training images count besides, as labelled by hand in `icdar2015_lines.json`
from the boxes of the ground truth; words that are not to be counted are there, but not judged. The widest gap within a
line was chosen by the first half of these images, to which gaps from 1.0 to 1.6 heights are alike, and by drawn pages.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from east.console import markdown_table
from east.icdar import parse_ground_truth
from east.layout import reading_order
from east.metrics import ratio
from east.training.synth.fonts import face
from east.training.synth.pages import FONTS, WHITE, WORDS, Page, Rng, draws, pick, plain, size_of

LABELS = Path(__file__).with_name("icdar2015_lines.json")
COLUMNS = ("", "pages", "words", "lines", "in order", "lines, boxes off", "in order, boxes off")

Lines = list[list[int]]


class Sample(NamedTuple):
    """Words, ``(N, 4, 2)``, and the numbers of those in each line, in reading order; of ``judged`` words only."""

    quads: NDArray[Any]
    lines: Lines
    picture: NDArray[np.uint8] | None = None

    def found(self) -> Lines:
        """The lines found."""
        judged = {word for line in self.lines for word in line}
        lines = [line for block in reading_order(self.quads) for line in block]
        return [kept for line in lines if (kept := [word for word in line if word in judged])]


@dataclass
class Tally:
    """What became of some samples."""

    samples: int = 0
    words: int = 0
    followers: int = 0
    found: int = 0
    right: int = 0
    ordered: int = 0

    def add(self, sample: Sample) -> None:
        """Counts a sample."""
        found = sample.found()
        theirs, ours = followers(sample.lines), followers(found)
        self.samples += 1
        self.words += sum(map(len, sample.lines))
        self.followers += len(theirs)
        self.found += len(ours)
        self.right += len(theirs & ours)
        self.ordered += in_order(found) == in_order(sample.lines)

    def f1(self) -> str:
        """Of the pairs of words that follow each other."""
        return f"{ratio(2 * self.right, self.followers + self.found):.3f}"

    def order(self) -> str:
        """The share of samples in order."""
        return f"{ratio(self.ordered, self.samples):.2f}"


def followers(lines: Lines) -> set[tuple[int, int]]:
    """Pairs of words of which the second follows the first in its line."""
    return {pair for line in lines for pair in pairwise(line)}


def in_order(lines: Lines) -> list[int]:
    """The words of all lines."""
    return [word for line in lines for word in line]


def jittered(sample: Sample, rng: Rng, share: float = 0.1) -> Sample:
    """Moves every corner by up to a share of its word's height, in x and in y."""
    heights = np.linalg.norm(sample.quads[:, 3] - sample.quads[:, 0], axis=1)[:, None, None]
    return sample._replace(quads=sample.quads + heights * rng.uniform(-share, share, sample.quads.shape))


def column(page: Page, rng: Rng, font: Path, size: int, place: tuple[int, int], width: int, count: int) -> Lines:
    """Writes ``count`` lines, the first one's baseline beginning at a place; the last ends early."""
    space = round(float(face(font, size).getlength(" ")))
    lines: Lines = []
    for number in range(count):
        x, y = place[0], place[1] + round(1.35 * size * number)
        end = x + width * (0.6 if number and number == count - 1 else 1)
        lines.append([])
        text = pick(rng, WORDS)
        while not lines[-1] or x + face(font, size).getlength(text) <= end:
            lines[-1].append(len(page.quads))
            page.write(x, y, text, font, size)
            x += round(float(face(font, size).getlength(text))) + space
            text = pick(rng, WORDS) + pick(rng, ("", "", "", "", ",", "."))
    return lines


def columns(rng: Rng, count: int, heading: bool = True, grid: bool = False) -> Sample:
    """A page of columns of two paragraphs each, with or without a heading, on one baseline grid or not."""
    page, font, size = Page(plain(WHITE)), FONTS[rng.integers(len(FONTS))], int(rng.integers(14, 21))
    gutter = round(size * rng.uniform(1.5, 3))
    width = (page.width - 100 - (count - 1) * gutter) // count
    lines: Lines = []
    if heading:
        lines += column(page, rng, font, round(size * rng.uniform(1.3, 2.5)), (50, 70), page.width - 100, 1)
    for number in range(count):
        y = 150
        for _ in range(2):
            rows = int(rng.integers(2, 9))
            lines += column(page, rng, font, size, (50 + number * (width + gutter), y), width, rows)
            y += round(size * 1.35 * (rows + 1)) if grid else round(size * (1.35 * rows + rng.uniform(0.8, 1.5)))
    return Sample(np.array(page.quads), lines, page.picture().image)


def signs(rng: Rng) -> Sample:
    """Signs of one to three lines side by side, of different sizes, about at one height."""
    page, x = Page(plain(WHITE)), 40
    lines: Lines = []
    while True:
        font, size = FONTS[rng.integers(len(FONTS))], size_of(rng.uniform(14, 40), FONTS[0])
        width = round(size * rng.uniform(3, 8))
        if x + 2 * width > page.width:
            return Sample(np.array(page.quads), lines, page.picture().image)
        y = 300 + int(rng.integers(-20, 21))
        lines += column(page, rng, font, size, (x, y), width, int(rng.integers(1, 4)))
        x = int(max(quad[:, 0].max() for quad in page.quads) + size * rng.uniform(1.8, 4))


def phrase(rng: Rng, most: int) -> str:
    """One to ``most`` words."""
    return " ".join(pick(rng, WORDS) for _ in range(rng.integers(1, most + 1)))


def amount(rng: Rng) -> str:
    """A number with two decimals."""
    return f"{rng.uniform(0.1, 10 ** rng.integers(1, 4)):.2f}"


def cells(page: Page, font: Path, size: int, y: int, row: Sequence[tuple[str, int, bool]]) -> list[int]:
    """Writes texts in a row, each beginning at a place or, with True, ending there: the numbers of their words."""
    before = len(page.quads)
    letters = face(font, size)
    for text, place, ends in row:
        x = float(place - (letters.getlength(text) if ends else 0))
        for said in text.split():
            page.write(round(x), y, said, font, size)
            x += letters.getlength(said + " ")
    return list(range(before, len(page.quads)))


def receipt(rng: Rng) -> Sample:
    """Names of goods and their prices, some without; a heading, a total."""
    page, font, size = Page(plain(WHITE)), FONTS[rng.integers(len(FONTS))], int(rng.integers(14, 21))
    left, right = 300, 300 + round(size * rng.uniform(25, 38))
    y, step = 100, round(size * rng.uniform(1.2, 1.7))
    lines = [cells(page, font, round(1.5 * size), y - 2 * step, [(phrase(rng, 2), left + 3 * size, False)])]
    for _ in range(rng.integers(4, 14)):
        row = [(phrase(rng, 4), left, False), (amount(rng), right, True)]
        if rng.random() < 0.2:
            row = row[:1]
        lines.append(cells(page, font, size, y, row))
        y += step
    lines.append(cells(page, font, round(1.3 * size), y + step, [("TOTAL", left, False), (amount(rng), right, True)]))
    return Sample(np.array(page.quads), lines, page.picture().image)


def table(rng: Rng) -> Sample:
    """Three to five columns under their names, the first of phrases, the others of numbers or words; some are empty."""
    page, font, size = Page(plain(WHITE)), FONTS[rng.integers(len(FONTS))], int(rng.integers(14, 19))
    x = [60, *(60 + size * (18 + 10 * number) for number in range(rng.integers(2, 5)))]
    ends = [False, *(rng.random() < 0.5 for _ in x[1:])]
    step, lines = round(size * rng.uniform(1.3, 2.8)), []
    for number in range(rng.integers(4, 12)):
        texts = [phrase(rng, 3), *(amount(rng) if end and number else pick(rng, WORDS)[:9] for end in ends[1:])]
        row = [cell for cell in zip(texts, x, ends, strict=True) if cell[1] == 60 or rng.random() < 0.9]
        lines.append(cells(page, font, size, 80 + step * number, row))
    return Sample(np.array(page.quads), lines, page.picture().image)


def turned(sample: Sample, rng: Rng) -> Sample:
    """Seen after turning it by any angle."""
    angle = rng.uniform(0, 2 * np.pi)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return sample._replace(quads=sample.quads @ matrix)


def from_aside(sample: Sample, rng: Rng) -> Sample:
    """Seen from one side: what is far is up to half as high, and lines run together."""
    x = sample.quads[..., 0] / 1280
    scale = 1 / (1 + rng.uniform(0.3, 1) * (x if rng.random() < 0.5 else 1 - x))
    middle = [640, rng.uniform(0, 720)]
    return sample._replace(quads=(sample.quads - middle) * scale[..., None] + middle)


KINDS: dict[str, Callable[[Rng], Sample]] = {
    "one column": lambda rng: columns(rng, 1),
    "two columns under a heading": lambda rng: columns(rng, 2),
    "three columns under a heading": lambda rng: columns(rng, 3),
    "signs side by side": signs,
    "two columns, turned by any angle": lambda rng: turned(columns(rng, 2, heading=False), rng),
    "two columns, from aside": lambda rng: from_aside(columns(rng, 2, heading=False), rng),
    "signs, from aside": lambda rng: from_aside(signs(rng), rng),
    "two columns, one baseline grid": lambda rng: columns(rng, 2, grid=True),
    "three columns, one baseline grid": lambda rng: columns(rng, 3, grid=True),
    "receipt": receipt,
    "receipt, turned by any angle": lambda rng: turned(receipt(rng), rng),
    "receipt, from aside": lambda rng: from_aside(receipt(rng), rng),
    "table": table,
}


def labelled(folder: Path) -> Iterator[Sample]:
    """The labelled images, in the order of their numbers."""
    for number, lines in json.loads(LABELS.read_text()).items():
        name = f"gt_img_{number}.txt"
        yield Sample(parse_ground_truth((folder / name).read_bytes(), name).quads.astype(np.float64), lines)


def row(name: str, samples: Sequence[Sample], ordered: bool = True) -> tuple[str, ...]:
    """A row of the table."""
    exact, off = Tally(), Tally()
    for number, sample in enumerate(samples):
        exact.add(sample)
        off.add(jittered(sample, np.random.default_rng(number)))
    orders = (exact.order(), off.order()) if ordered else ("-", "-")
    return name, str(exact.samples), str(exact.words), exact.f1(), orders[0], off.f1(), orders[1]


def share(sample: Sample) -> float:
    """How long putting a page's words in order takes, as a share of decoding the page's picture from JPEG."""
    coded = cv2.imencode(".jpg", np.asarray(sample.picture))[1]
    pairs = [(clocked(lambda: reading_order(sample.quads)), clocked(lambda: cv2.imdecode(coded, 1))) for _ in range(3)]
    order, decode = np.min(pairs, axis=0)
    return float(order / decode)


def clocked(function: Callable[[], object]) -> float:
    """Seconds it takes."""
    start = perf_counter()
    function()
    return perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20, metavar="N", help="of each sort (default: 20)")
    args = parser.parse_args()
    pages = {name: [draw(rng) for rng in draws(name, args.pages)] for name, draw in KINDS.items()}
    rows = [row(name, samples) for name, samples in pages.items()]
    if folder := os.environ.get("ICDAR2015_DIR"):
        images = list(labelled(Path(folder)))
        half = len(images) // 2
        rows.append(row(f"ICDAR2015, first {half} images", images[:half], ordered=False))
        rows.append(row(f"ICDAR2015, last {len(images) - half} images", images[half:], ordered=False))
    print(markdown_table(COLUMNS, rows))
    taken = [share(sample) for samples in pages.values() for sample in samples]
    print(f"\nPutting a page's words in order takes {np.median(taken):.2f} of decoding its picture (median).")


if __name__ == "__main__":
    main()
