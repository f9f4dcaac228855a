"""The benchmark of streams: its stand-in says what the network said, and its table has all that was asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from bench import streams
from bench.recorded import RecordedRuntime
from east import TextDetector
from east.images import load_image
from east.types import Size
from east.workers import room


def test_the_stand_in_says_what_the_network_said(
    detector: TextDetector, small_images: list[Path], tmp_path: Path
) -> None:
    images = [np.ascontiguousarray(load_image(path)[64:192, 64:256]) for path in small_images[:2]]
    path = tmp_path / "recorded.npz"
    RecordedRuntime(detector.runtime, Size(128, 192), 0.8, path).candidates(images, 0.8)
    assert path.exists()
    recorded = RecordedRuntime(detector.runtime, Size(128, 192), 0.8, path)
    for one, image in zip(recorded.candidates(images, 0.8), images, strict=True):
        [expected] = detector.runtime.candidates([image], 0.8)
        assert len(one.pixels)
        for part, other in zip(one, expected, strict=True):
            np.testing.assert_array_equal(part, other)


@pytest.mark.skipif(not room.AVAILABLE, reason="processes beside the detector's need Linux")
def test_each_way_has_its_row(
    small_images: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--images", str(small_images[0].parent), "--count", "2", "--threads", "1", "--processes", "1"]
    arguments += ["--rounds", "1", "--seconds", "0.01", "--without-network", "--input-size", "96x128"]
    monkeypatch.setattr(sys, "argv", ["streams.py", *arguments, "--precision", "FP32"])
    streams.main()
    rows = [line.split("|")[1:3] for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
    ways = [(one.strip(), other.strip()) for one, other in rows]
    assert ways == [(source, by) for source in ("arrays", "files") for by in ("1 threads", "1 processes")]
