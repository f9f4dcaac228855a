"""RapidOCR's recogniser reads words as they are cut out."""

from __future__ import annotations

import numpy as np
import pytest

from east.extras import is_installed
from east.ocr import RapidOcr, find
from tests.ocr.words import drawn

pytestmark = pytest.mark.skipif(not is_installed("rapidocr"), reason="RapidOCR is not installed")


@pytest.fixture(scope="module")
def recogniser() -> RapidOcr:
    return RapidOcr(threads=1)


def test_words_are_read_in_their_order(recogniser: RapidOcr) -> None:
    texts = ["Harbour", "7", "PLATFORM", "open"]
    read = recogniser([drawn(text) for text in texts])
    assert [text for text, _ in read] == texts
    assert all(0.5 < confidence <= 1 for _, confidence in read)


def test_what_shows_no_text_is_read_as_none(recogniser: RapidOcr) -> None:
    """However long: without a bound a line of one pixel by 300 would take minutes."""
    crops = [np.full((height, width, 3), 128, np.uint8) for height, width in ((1, 1), (1, 300))]
    assert [text for text, _ in recogniser(crops)] == ["", ""]
    assert recogniser([]) == []


def test_colours_are_as_the_model_wants_them(recogniser: RapidOcr) -> None:
    """Red on green, of which only their order tells which is light."""
    word = drawn("Garden", ink=(255, 0, 0), paper=(0, 110, 0))
    assert recogniser([word])[0][0] == "Garden"


def test_it_says_nothing_and_tells_its_version(capfd: pytest.CaptureFixture[str]) -> None:
    found = find("rapidocr", threads=1, language="en")
    assert found.name.startswith("rapidocr 3.")
    assert capfd.readouterr() == ("", "")


def test_a_language_that_it_does_not_know_is_named() -> None:
    with pytest.raises(ValueError, match="klingon"):
        RapidOcr(language="klingon")
