"""Labels beside the words of an image: where there is room for each, and in letters that can be read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_SMALLEST = 9  # pixels of a label's font: at least, usually, and one to so many of the image's longer side
_USUAL, _PER_IMAGE = 12, 80
_SIZES = (1.0, 0.75, 0.6)  # of a label, tried one after the other where there is little room
_LONGEST = 60
_REACH = 3  # heights of a label that it may be away from its word

# What Pillow brings has little more than ASCII; these have the rest, on whatever system has them.
_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "wqy-zenhei.ttc", "msyh.ttc", "PingFang.ttc", "AppleGothic.ttf"),
    *(
        "Arial Unicode.ttf",
        "NotoSansArabic-Regular.ttf",
        "NotoSansHebrew-Regular.ttf",
        "NotoSansDevanagari-Regular.ttf",
    ),
)


class Place(NamedTuple):
    """Where a label goes, in whole pixels: its left and top edge, its width and height."""

    left: int
    top: int
    width: int
    height: int


def write_labels(
    canvas: NDArray[np.uint8],
    quads: NDArray[np.float32],
    labels: Sequence[str],
    colour: tuple[int, int, int],
    ground: tuple[int, int, int],
    margin: int,
) -> None:
    """Writes a text beside each quad, into the image: in ``colour`` on a plate of ``ground``.

    Args:
        canvas: uint8 RGB ``(H, W, 3)``, which is changed.
        quads: float32 ``(N, 4, 2)``, in the image's pixels.
        labels: N texts; an empty one is not written, and neither is one for which there is no room.
        colour: of the letters.
        ground: behind them, so dark or so light that they can be read.
        margin: pixels to keep free around every quad.
    """
    base = max(_USUAL, round(max(canvas.shape[:2]) / _PER_IMAGE))
    texts = [_shortened(label) for label in labels]
    sizes = list(dict.fromkeys(max(_SMALLEST, round(base * share)) for share in _SIZES))
    plates = [[_plate_size(text, size) for size in sizes] if text else [] for text in texts]
    for text, found in zip(texts, place((canvas.shape[0], canvas.shape[1]), quads, plates, margin), strict=True):
        if found is not None:
            size, where = sizes[found[0]], found[1]
            plate = _plate(text, size, where, colour, ground)
            canvas[where.top : where.top + where.height, where.left : where.left + where.width] = plate


def place(
    shape: tuple[int, int], quads: NDArray[np.float32], sizes: Sequence[Sequence[tuple[int, int]]], margin: int = 0
) -> list[tuple[int, Place] | None]:
    """Finds room for labels beside quads, where they cover neither a quad nor each other.

    Args:
        shape: height and width of the image in pixels.
        quads: float32 ``(N, 4, 2)``, in its pixels.
        sizes: for each quad the sizes (width, height) that its label may have, the best first.
        margin: pixels to keep free around every quad.

    Returns:
        for each quad which of its sizes fits and where, as near to the quad as may be; None where none does.
    """
    covered = np.zeros(shape, np.uint8)
    corners = np.rint(np.clip(quads, -1e6, 1e6)).astype(np.int32)
    for quad in corners:
        cv2.fillPoly(covered, [quad], (1,))
        cv2.polylines(covered, [quad], True, (1,), 2 * margin + 1)
    words = cv2.integral(covered)
    labels = np.zeros(shape, np.bool_)
    places: list[tuple[int, Place] | None] = []
    for quad, wanted in zip(corners, sizes, strict=True):
        found = _first_free(words, labels, quad, wanted, margin)
        if found is not None:
            left, top, width, height = found[1]
            labels[max(0, top - 1) : top + height + 1, max(0, left - 1) : left + width + 1] = True
        places.append(found)
    return places


def _first_free(
    words: NDArray[Any],
    labels: NDArray[np.bool_],
    quad: NDArray[np.int32],
    sizes: Sequence[tuple[int, int]],
    margin: int,
) -> tuple[int, Place] | None:
    """The first size and place that are free: of words, by sums over the rectangles above and left, and of labels."""
    rows, columns = labels.shape
    for number, (width, height) in enumerate(sizes):
        left, top = np.array(list(_around(quad, width, height, margin + 1))).T
        inside = (left >= 0) & (top >= 0) & (left + width <= columns) & (top + height <= rows)
        left, top = left[inside], top[inside]
        right, bottom = left + width, top + height
        free = words[bottom, right] - words[top, right] - words[bottom, left] + words[top, left] == 0
        for x, y in zip(left[free].tolist(), top[free].tolist(), strict=True):
            if not labels[y : y + height, x : x + width].any():
                return number, Place(x, y, width, height)
    return None


def _around(quad: NDArray[np.int32], width: int, height: int, gap: int) -> Iterator[tuple[int, int]]:
    """Places for a label around a quad: above, below, right and left of its corners, the nearest first."""
    (left, top), (right, bottom) = quad.min(axis=0).tolist(), quad.max(axis=0).tolist()
    x, y = quad[0].tolist()
    yield from ((x, y - gap - height), (x - width // 2, y - gap - height))
    for away in range(_REACH + 1):
        more = away * height // 2
        above, below = top - gap - height - more, bottom + gap + more
        columns = (x, left, right - width, (left + right - width) // 2)
        yield from ((column, above) for column in columns)
        yield from ((column, below) for column in columns)
        rows = (y, top, bottom - height, (top + bottom - height) // 2)
        yield from ((right + gap + more, row) for row in rows)
        yield from ((left - gap - width - more, row) for row in rows)
    for corner_x, corner_y in quad.tolist():  # of a turned word, whose rectangle has free corners
        for dx in (gap, -gap - width, -width // 2):
            yield from ((corner_x + dx, corner_y + dy) for dy in (gap, -gap - height))


def _plate(
    text: str, size: int, where: Place, colour: tuple[int, int, int], ground: tuple[int, int, int]
) -> NDArray[np.uint8]:
    plate = Image.new("RGB", (where.width, where.height), ground)
    font = _font_for(text, size)
    left, top, _, bottom = font.getbbox(_writable(text, size))
    x, y = _pad(size) - left, (where.height - (bottom - top)) / 2 - top
    ImageDraw.Draw(plate).text((x, round(y)), _writable(text, size), fill=colour, font=font)
    return np.asarray(plate, np.uint8)


def _plate_size(text: str, size: int) -> tuple[int, int]:
    left, top, right, bottom = _font_for(text, size).getbbox(_writable(text, size))
    pad = _pad(size)
    return round(right - left) + 2 * pad, max(size, round(bottom - top) + 2 * max(1, pad // 2))


def _pad(size: int) -> int:
    return max(2, size // 5)


def _shortened(text: str) -> str:
    """A text in one line, without what cannot be seen, and no longer than a label can be."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _writable(text: str, size: int) -> str:
    """The text, with other letters for those that its font does not have: without accents, or a question mark."""
    font = _font_for(text, size)
    if _has_all(font, text):
        return text
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return "".join(c if _has_all(font, c) else "?" for c in plain.replace("…", "..."))


def _font_for(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, or the first of those of the system that has all letters of the text."""
    if text.isascii():
        return _pillows(size)
    others = (font for font in (_system_font(name, size) for name in _FONTS) if font is not None)
    fonts = [_pillows(size), *others]
    return max(fonts, key=lambda font: sum(_has_all(font, c) for c in text))


@lru_cache(maxsize=8)
def _pillows(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


@lru_cache(maxsize=256)
def _system_font(name: str, size: int) -> ImageFont.FreeTypeFont | None:
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return None


@lru_cache(maxsize=65_536)
def _has_all(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str) -> bool:
    """Whether a font has a shape for each letter, told by that of a character that no font has."""
    missing = bytes(font.getmask("\uffff"))
    return all(c.isspace() or bytes(font.getmask(c)) != missing for c in set(text))
