"""Tesseract reads crops: in this process by tesserocr, or by pytesseract all of a list in one process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from east.errors import MissingPackageError
from east.extras import is_installed
from east.ocr import Tesseract
from tests.ocr.words import drawn

pytestmark = pytest.mark.skipif(not shutil.which("tesseract"), reason="the program tesseract is not installed")


@pytest.fixture(params=["tesserocr", "pytesseract"], autouse=True, scope="module")
def library(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each with and without the other one."""
    if not is_installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    other = {"tesserocr": "pytesseract", "pytesseract": "tesserocr"}[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, other, None)
        yield request.param


@pytest.fixture(scope="module")
def recogniser(library: str) -> Tesseract:
    return Tesseract()


def test_words_are_read_in_their_order(recogniser: Tesseract) -> None:
    texts = ["Harbour", "PLATFORM", "open"]
    read = recogniser([drawn(text) for text in texts])
    assert [text for text, _ in read] == texts
    assert all(0.3 < confidence <= 1 for _, confidence in read)
    assert recogniser.name.startswith("tesseract ")


def test_crops_in_which_it_sees_nothing_keep_their_place(recogniser: Tesseract) -> None:
    blank = np.full((30, 60, 3), 128, np.uint8)
    read = recogniser([blank, drawn("Harbour"), np.zeros((1, 1, 3), np.uint8), blank, drawn("open")])
    assert [read[1][0], read[4][0]] == ["Harbour", "open"]
    assert len(read) == 5
    assert recogniser([]) == []


def test_it_says_nothing(recogniser: Tesseract, capfd: pytest.CaptureFixture[str]) -> None:
    recogniser([drawn("Harbour"), np.full((1, 1, 3), 128, np.uint8)])
    assert capfd.readouterr() == ("", "")


def test_a_language_that_is_not_there_is_named_and_how_to_get_it() -> None:
    with pytest.raises(MissingPackageError) as raised:
        Tesseract(language="eng+tlh")
    assert "no data of the language 'tlh', of " in str(raised.value)
    assert str(raised.value).endswith(" only: apt-get install tesseract-ocr-tlh")


def test_where_the_program_is_missing_one_line_says_what_to_install(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "tesserocr":
        pytest.skip("which brings it")
    import pytesseract  # type: ignore[import-untyped]

    monkeypatch.setattr(pytesseract.pytesseract, "tesseract_cmd", "no-such-program")
    monkeypatch.setattr(pytesseract.pytesseract.get_languages, "_result", None, raising=False)
    with pytest.raises(MissingPackageError, match="needs the program tesseract: apt-get install tesseract-ocr"):
        Tesseract()
