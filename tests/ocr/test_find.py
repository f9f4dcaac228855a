"""Recognisers by name, and what is said where one is not installed."""

from __future__ import annotations

import sys

import pytest

from east.errors import MissingPackageError
from east.ocr import find


def test_a_name_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="must be one of rapidocr, tesseract, got 'tesserakt'; did you mean"):
        find("tesserakt")


@pytest.mark.parametrize(
    ("name", "module", "library"),
    [
        ("rapidocr", "rapidocr", "RapidOCR"),
        ("rapidocr", "onnxruntime", "RapidOCR"),
        ("tesseract", "pytesseract", "Tesseract"),
    ],
)
def test_what_is_missing_is_named_with_its_extra(
    name: str, module: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in (module, "tesserocr"):
        monkeypatch.setitem(sys.modules, one, None)  # as if it were not installed
    with pytest.raises(MissingPackageError) as raised:
        find(name)
    assert str(raised.value) == (f"reading words with {library} needs {module}: pip install 'east-text-detector[ocr]'")
