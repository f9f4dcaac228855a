"""``east read``: text in reading order, in the forms that `east detect` has and as plain text."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east import TextDetector
from east.cli import main
from east.extras import is_installed
from east.ocr import RapidOcr

needs_rapidocr = pytest.mark.skipif(not is_installed("rapidocr"), reason="RapidOCR is not installed")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, demo_images: list[Path]) -> Path:
    """Part of a demo image, and an image without words."""
    folder = tmp_path_factory.mktemp("pictures")
    photograph = Image.open(next(path for path in demo_images if path.stem == "parcel"))
    photograph.crop((0, 0, photograph.width, photograph.height // 2)).reduce(2).save(folder / "a.png")
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(folder / "b.png")
    return folder


@needs_rapidocr
def test_text_of_several_images(
    pictures: Path, detector: TextDetector, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    recogniser, command = RapidOcr(threads=1), ["read", str(pictures), "--precision", "FP32", "--threads", "1"]
    surely = detector.detect(pictures / "a.png").read(recogniser)
    doubtful = detector.detect(pictures / "a.png", score_threshold=0.5).read(recogniser, text_threshold=0.7)
    assert len(doubtful) > len(surely) > 10
    originally = detector.detect(pictures / "a.png", scoring="original").read(recogniser)
    assert max(originally.scores) < 0.5  # no probabilities
    flags: list[str]
    for flags, read in (
        ([], doubtful),
        (["--text-threshold", "0"], surely),
        (["--scoring", "original"], originally),
    ):
        assert main([*command, *flags]) == 0
        assert "PRIORITY" in read.text.splitlines()
        output = capsysbinary.readouterr()
        assert output.out.decode() == f"==> a.png <==\n{read.text}\n\n==> b.png <==\n"
        assert output.err == b""


@needs_rapidocr
def test_one_image_is_text_alone_and_files_that_cannot_be_used_are_named(
    pictures: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    shutil.copy(pictures / "b.png", tmp_path / "blank.png")
    assert main(["read", str(tmp_path / "blank.png"), "--precision", "FP32"]) == 0
    assert capsysbinary.readouterr().out == b""
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    assert main(["read", str(tmp_path), "--format", "csv", "--precision", "FP32"]) == 1
    output = capsysbinary.readouterr()
    assert output.out == b"file,x1,y1,x2,y2,x3,y3,x4,y4,score,text,text_confidence\n"
    assert b"broken.jpg" in output.err


@needs_rapidocr
def test_texts_in_json_and_csv(pictures: Path, tmp_path: Path) -> None:
    image = str(pictures / "a.png")
    for form in ("jsonl", "csv"):
        flags = ["--format", form, "--output", str(tmp_path / form), "--precision", "FP32", "--padding", "0.05"]
        assert main(["read", image, *flags, "--draw", str(tmp_path / "drawn")]) == 0
    boxes = json.loads((tmp_path / "jsonl").read_text())["boxes"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "csv").read_text())))
    assert [row["text"] for row in rows] == [box["text"] for box in boxes]
    assert [float(row["text_confidence"]) for row in rows] == [box["text_confidence"] for box in boxes]
    assert (tmp_path / "drawn" / "a.png").is_file()


def test_a_recogniser_that_there_is_not_is_bad_usage(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["read", str(pictures), "--recogniser", "rapidocrr"])
    assert caught.value.code == 2
    assert "must be one of rapidocr, tesseract" in capsys.readouterr().err


def test_what_is_wrong_with_the_inputs_is_told_before_anything_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", "no-such-file.jpg", "--language", "klingon"]) == 1
    assert capsys.readouterr().err == "east: error: no-such-file.jpg: no such file or folder\n"
