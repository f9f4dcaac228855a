"""Searchable PDFs, read back by another library: words are found, at their places."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapely import Polygon

from east import Detections
from east.export import to_pdf

from .conftest import DOWNWARDS, LEVEL, PICTURE, TEXTS, TURNED, results

pdfium = pytest.importorskip("pypdfium2")
SCALE = 72 / 100


@contextmanager
def opened(data: bytes) -> Iterator[Any]:
    with closing(pdfium.PdfDocument(data)) as pdf:
        yield pdf


def text_of(data: bytes, page: int = 0) -> str:
    with opened(data) as pdf, closing(pdf[page]) as one, closing(one.get_textpage()) as text:
        return str(text.get_text_range())


def place_of(data: bytes, word: str) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a word's letters, in the image's pixels."""
    with opened(data) as pdf, closing(pdf[0]) as page, closing(page.get_textpage()) as text:
        with closing(text.search(word)) as search:
            first, count = search.get_next()
        boxes = np.array([text.get_charbox(at, loose=True) for at in range(first, first + count)])
        height = page.get_height()
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    return left / SCALE, (height - top) / SCALE, right / SCALE, (height - bottom) / SCALE


def test_words_are_found_at_their_places() -> None:
    words = ("Café & <Bar>", "\u4e2d\u6587", "down")
    found = results(LEVEL, TURNED, DOWNWARDS, texts=words)
    for word, (left, top, right, bottom) in zip(words, found.xyxy.tolist(), strict=True):
        place = place_of(found.to_pdf(dpi=100), word)
        middle = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
        assert middle == pytest.approx(((left + right) / 2, (top + bottom) / 2), abs=2)


def test_texts_of_all_scripts_can_be_copied(page: Detections) -> None:
    assert text_of(page.to_pdf()).split("\r\n") == [*TEXTS[:3]]


def turned(degrees: float) -> Any:
    """A word of 100x20 pixels in the middle of the page, turned clockwise."""
    angle = np.radians(degrees)
    along, down = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    return [np.array([100, 95]) + 50 * x * along + 10 * y * down for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


@pytest.mark.parametrize("degrees", [0, 5, -30, 90, 100, 180, 270])
@pytest.mark.parametrize("text", ["I", "word", "Donaudampfschifffahrt"])
def test_a_word_lies_along_its_quad_in_any_direction(degrees: float, text: str) -> None:
    found = results(turned(degrees), texts=(text,))
    left, top, right, bottom = place_of(found.to_pdf(dpi=100), text)
    place, quad = Polygon([(left, top), (right, top), (right, bottom), (left, bottom)]), Polygon(found.quads[0])
    assert place.centroid.distance(quad.centroid) < 1
    assert place.intersection(quad).area > (0.95 if degrees % 90 == 0 else 0.4) * quad.area
    wide = round(degrees / 90) % 2 == 0
    box = found.xyxy[0]
    assert (right - left if wide else bottom - top) == pytest.approx(
        box[2] - box[0] if wide else box[3] - box[1], abs=1
    )


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler is not installed")
@pytest.mark.parametrize("degrees", [0, 5, -30, 100, 180])
def test_pdftotext_finds_whole_words(degrees: float, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(results(turned(degrees), texts=("Turned",)).to_pdf(dpi=100))
    command = [shutil.which("pdftotext") or "", "-bbox", str(path), "-"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    [(left, top, right, bottom, word)] = re.findall(
        r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.+?)</word>', done.stdout
    )
    assert word == "Turned"
    middle = (float(left) + float(right)) / 2 / SCALE, (float(top) + float(bottom)) / 2 / SCALE
    assert middle == pytest.approx((100, 95), abs=1.5)


def test_the_picture_is_what_is_seen(page: Detections) -> None:
    with opened(page.to_pdf(dpi=72)) as pdf, closing(pdf[0]) as first:
        assert first.get_size() == pytest.approx((200, 190))
        seen = first.render(scale=1).to_numpy()[..., :3].astype(int)
    assert np.abs(seen - PICTURE).max() <= 4


def test_every_result_is_a_page() -> None:
    pages = [results(LEVEL, texts=(f"page{number}",)) for number in (1, 2, 3)]
    data = to_pdf(iter(pages))
    assert [text_of(data, number).strip() for number in range(3)] == ["page1", "page2", "page3"]
    assert data == to_pdf(pages)


def test_unread_words_make_a_picture_alone(unread: Detections) -> None:
    assert text_of(unread.to_pdf()) == ""


def test_more_characters_than_one_block_of_a_map_holds() -> None:
    text = "".join(map(chr, range(0x400, 0x400 + 250)))
    assert text_of(results(LEVEL, texts=(text,)).to_pdf()).strip() == text


def test_half_of_a_character_is_replaced(page: Detections) -> None:
    found = page.with_texts([("a\ud800b", 0.5)] * len(page))
    assert "b" in text_of(to_pdf([found]))


def test_what_makes_no_pdf_is_told(page: Detections) -> None:
    with pytest.raises(ValueError, match=r"not kept \(keep_image=False\)"):
        replace(page, image=None).to_pdf()
    with pytest.raises(ValueError, match="at least one page"):
        to_pdf([])
    with pytest.raises(ValueError, match="dpi must be between 1 and 10000, got 0"):
        page.to_pdf(dpi=0)
