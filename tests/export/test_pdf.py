"""Searchable PDFs, read back by another library: words are found, at their places."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

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
    for word, box in zip(words, found.xyxy, strict=True):
        assert place_of(found.to_pdf(dpi=100), word) == pytest.approx(tuple(box), abs=3)


def test_texts_of_all_scripts_can_be_copied(page: Detections) -> None:
    assert text_of(page.to_pdf()).split("\r\n") == [*TEXTS[:3]]


@pytest.mark.parametrize("quad", [LEVEL, TURNED, DOWNWARDS, np.roll(LEVEL, 2, axis=0), np.add(TURNED, (30, 20))])
@pytest.mark.parametrize("text", ["I", "word", "Donaudampfschifffahrt"])
def test_a_word_fills_its_quad_in_any_direction(quad: Any, text: str) -> None:
    found = results(quad, texts=(text,))
    assert place_of(found.to_pdf(dpi=100), text) == pytest.approx(tuple(found.xyxy[0]), abs=2)


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


def test_what_makes_no_pdf_is_told(page: Detections) -> None:
    with pytest.raises(ValueError, match=r"not kept \(keep_image=False\)"):
        replace(page, image=None).to_pdf()
    with pytest.raises(ValueError, match="at least one page"):
        to_pdf([])
    with pytest.raises(ValueError, match="dpi must be between 1 and 10000, got 0"):
        page.to_pdf(dpi=0)
