"""``python -m eval calibrate``: from images with ground truth to the scores of every later detector."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from east import TextDetector
from east.icdar import format_lines, parse_detected, reportable
from east.metrics import counted_matches, score
from east.model import weights
from east.model.confidence import Confidence
from eval.calibration import fit_curve
from eval.cli import main
from eval.submission import read_ground_truths

SIZE = (256, 320)


@pytest.fixture(scope="module")
def mine(own_folders: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled weights under another name, without a curve."""
    return Path(shutil.copy(weights.resolve("default"), tmp_path_factory.mktemp("mine") / "mine.npz"))


def test_scores_become_confidences(
    mine: Path, demo_images: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with TextDetector(mine, precision="FP32", input_size=SIZE) as detector:
        assert detector.confidence is None
        before = [detector.detect(image).ranked() for image in demo_images[:2]]
    for number, (image, found) in enumerate(zip(demo_images, before, strict=False), 1):
        shutil.copy(image, data / f"img_{number}.jpg")
        quads = found.quads[: len(found) // 2]  # of its boxes the better half, and the last, shall be words
        quads = np.concatenate([quads, found.quads[-1:]])
        quads = quads[reportable(quads)]
        (data / f"gt_img_{number}.txt").write_text(format_lines(quads, ["word"] * len(quads)))
    flags = ["--data", str(data), "--weights", str(mine), "--precision", "FP32", "--input-size", "256x320"]
    assert main(["calibrate", *flags]) == 0
    place = mine.with_name("mine.confidence.json")
    printed = capsys.readouterr().out
    assert str(place) in printed
    assert "in 2 images" in printed
    record = Confidence.load(place)
    found_again = {}
    with TextDetector(mine, precision="FP32", input_size=SIZE) as detector:
        assert detector.confidence == record
        for number, (image, peaks) in enumerate(zip(demo_images, before, strict=False), 1):
            scores = detector.detect(image, box_threshold=0).ranked().scores
            assert_array_equal(scores, record.curve(peaks.scores))
            low = float(scores[-1])
            assert len(detector.detect(image, box_threshold=low)) == len(scores)
            assert len(detector.detect(image, box_threshold=low * 1.001)) < len(scores)
            plain = detector.detect(image, scoring="peak", box_threshold=0).ranked()
            found_again[str(number)] = plain
            assert_array_equal(plain.quads, peaks.quads)
    truths = read_ground_truths(data)
    detected = {
        key: parse_detected(found.to_icdar(scores=True).encode(), key, confidences=True)
        for key, found in found_again.items()
    }
    assert record.curve == fit_curve(*counted_matches(detected, score(truths, detected).images))
    # what is on record may be fitted anew, but nothing that is read is written over
    assert main(["calibrate", *flags]) == 0
    assert main(["calibrate", *flags, "--output", str(data / "img_1.jpg")]) == 2
    assert (data / "img_1.jpg").read_bytes() == demo_images[0].read_bytes()


def test_images_are_needed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("ICDAR2015_DIR", raising=False)
    assert main(["calibrate"]) == 2
    assert "no ICDAR2015 data" in capsys.readouterr().err
