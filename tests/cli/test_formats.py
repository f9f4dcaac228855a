"""Which format a file's ending stands for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from east import TextDetector
from east.cli import main
from east.cli.formats import DETECTED, READ, format_for
from east.errors import UsageError
from east.export import SUFFIXES


def test_every_ending_that_save_knows_stands_for_its_format() -> None:
    drawn = {".jpg", ".jpeg"}  # of drawings the command writes PNG only
    found = [format_for(Path(f"a.b{suffix}"), READ, several=False) for suffix in SUFFIXES if suffix not in drawn]
    assert sorted(found) == sorted(form for form in READ if form != "jsonl")
    assert format_for(Path("A.JSONL"), READ, several=True) == "jsonl"
    assert format_for(Path("A.Page.XML"), DETECTED, several=False) == "page"
    for path in (None, Path("found"), Path(__file__).parent, Path("/dev/stdout")):
        assert format_for(path, DETECTED, several=True) == "json"
        assert format_for(path, READ, several=False) == "text"


@pytest.mark.parametrize("name", ["a.xlsx", "a.xml", "a.txt", "a.pdf", "a.jpg"])
def test_an_ending_that_stands_for_no_format_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=f"--output {re.escape(name)}: its ending stands for no format here"):
        format_for(Path(name), DETECTED, several=False)


def test_one_file_is_not_for_several_images() -> None:
    with pytest.raises(UsageError, match=r"a\.hocr: hocr has a file for each image: --format hocr --output FOLDER"):
        format_for(Path("a.hocr"), READ, several=True)


def test_output_is_written_in_the_format_of_its_ending(
    detector: TextDetector, small_images: list[Path], tmp_path: Path
) -> None:
    image = str(small_images[0])
    assert main(["detect", image, "--output", str(tmp_path / "found.csv")]) == 0
    assert (tmp_path / "found.csv").read_text().startswith("file,x1,y1")
    assert main(["detect", image, "--output", str(tmp_path / "found.csv"), "--format", "jsonl"]) == 0
    assert json.loads((tmp_path / "found.csv").read_text())["boxes"]
    assert main(["detect", image, "--output", str(tmp_path / "found.xlsx")]) == 2
    assert not (tmp_path / "found.xlsx").exists()
