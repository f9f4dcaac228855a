"""``east batch`` as a user meets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from east import TextDetector
from east.cli import main
from east.ocr import Tesseract
from tests.batch.conftest import picture


def test_a_folder_to_rows(
    detector: TextDetector, demo_images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(demo_images[0], tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    command = ["batch", str(tmp_path), "--output", str(tmp_path / "out"), "--max-side", "320", "--precision", "FP32"]
    assert main(command) == 1
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err == f"east: {tmp_path}/out: 2 images, 1 could not be used\n"
    first, second = map(json.loads, (tmp_path / "out" / "part-00000.jsonl").read_text().splitlines())
    assert first["boxes"] == detector.detect(demo_images[0], max_side=320).to_dict()["boxes"]
    assert second["error"]["type"] == "ImageDecodeError"
    assert main(command) == 1
    assert capfd.readouterr().err == f"east: {tmp_path}/out: 2 images, 2 of them before, 1 could not be used\n"


@pytest.mark.skipif(not shutil.which("tesseract"), reason="the program tesseract is not installed")
def test_words_are_read_too(tmp_path: Path, detector: TextDetector) -> None:
    pytest.importorskip("pytesseract")
    (tmp_path / "a.png").write_bytes(picture(7))
    out = tmp_path / "out"
    reading = ["--read", "tesseract", "--language", "eng", "--padding", "0.2"]
    assert main(["batch", str(tmp_path), "--output", str(out), "--precision", "FP32", *reading]) == 0
    [row] = map(json.loads, (out / "part-00000.jsonl").read_text().splitlines())
    found = detector.detect(tmp_path / "a.png", score_threshold=0.5).read(Tesseract(language="eng"), padding=0.2)
    assert row["boxes"] == found.to_dict()["boxes"]
    assert [box["text"] for box in row["boxes"]] == ["Room7"]


@pytest.mark.parametrize(
    ("flags", "status", "told"),
    [
        (["--detectors", "2"], 2, "--detectors needs --ray"),
        (["--gpus-per-detector", "0.5"], 2, "--gpus-per-detector needs --ray"),
        (["--padding", "0.1"], 2, "--padding needs --read"),
        (["--text-threshold", "0.5"], 2, "--text-threshold needs --read"),
        (["--score-threshold", "0.7"], 1, "nowhere: no such file or folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    flags: list[str], status: int, told: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["batch", "nowhere", "--output", str(tmp_path / "out"), *flags]) == status
    assert capfd.readouterr().err == f"east: error: {told}\n"
    assert not (tmp_path / "out").exists()
