"""Files are written in the format that their name calls for, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from east import Detections
from east.export import SUFFIXES
from east.images import load_image
from east.images.signature import is_signed

from .conftest import LEVEL, results


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_ending_writes_its_format(suffix: str, page: Detections, tmp_path: Path) -> None:
    path = tmp_path / "folder" / f"a.b{suffix.upper()}"
    page.save(path)
    data = path.read_bytes()
    beginnings = {
        ".csv": b"x1,y1,",
        ".txt": b"Caf\xc3\xa9 & <Bar>\n",
        ".icdar.txt": b"20,30,120,30,120,50,20,50\n",
        ".hocr": b"<?xml",
        ".alto.xml": b"<?xml",
        ".page.xml": b"<?xml",
        ".pdf": b"%PDF-",
    }
    if suffix in (".png", ".jpg", ".jpeg"):
        drawn = load_image(data)
        assert np.abs(drawn.astype(int) - page.draw()).mean() < 8
        assert is_signed(path)
    elif suffix.endswith("json"):
        assert json.loads(data)
    else:
        assert data.startswith(beginnings[suffix])


@pytest.mark.parametrize(("name", "part"), [("a.png", ""), ("scan.pdf", "#page=2")])
def test_the_picture_itself_is_not_written_over(name: str, part: str, page: Detections, tmp_path: Path) -> None:
    picture = tmp_path / name
    picture.write_bytes(b"a picture")
    (tmp_path / "link").symlink_to(tmp_path)
    found = replace(page, source=f"{picture}{part}")
    for path in (picture, tmp_path / "link" / name):
        with pytest.raises(ValueError, match="is the picture itself: save the result under another name"):
            found.save(path)
    assert picture.read_bytes() == b"a picture"
    found.save(picture.with_suffix(".json"))


def test_the_longest_ending_counts(page: Detections, tmp_path: Path) -> None:
    page.save(tmp_path / "a.coco.json")
    page.save(tmp_path / "a.json")
    assert "annotations" in json.loads((tmp_path / "a.coco.json").read_text())
    assert json.loads((tmp_path / "a.json").read_text()) == page.to_dict()


@pytest.mark.parametrize("name", ["a.docx", "a", "a.xml", ".."])
def test_an_unknown_ending_is_answered_with_those_there_are(name: str, page: Detections, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"stands for a format; use \.json, \.csv, .*\.jpeg$") as refused:
        page.save(tmp_path / name)
    assert "\n" not in str(refused.value)
    assert not any(tmp_path.iterdir())


def test_what_a_result_lacks_is_told_and_nothing_written(unread: Detections, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="have not been read"):
        unread.save(tmp_path / "a.txt")
    for suffix in (".png", ".pdf"):
        with pytest.raises(ValueError, match="not kept"):
            replace(unread, image=None).save(tmp_path / f"a{suffix}")
    assert not any(tmp_path.iterdir())


def test_a_page_without_words_has_an_empty_text(tmp_path: Path) -> None:
    results().save(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == b""


def test_a_text_is_written_a_line_for_each_line(tmp_path: Path) -> None:
    results(LEVEL, np.add(LEVEL, (0, 40)), texts=("one", "two")).save(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"
