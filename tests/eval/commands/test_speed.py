"""``python -m eval speed`` as a user meets it, on small images."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from east import TextDetector
from eval.cli import main
from eval.speed.formats import COLUMNS


def test_every_runtime_and_batch_has_a_row(
    detector: TextDetector,
    demo_images: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("eval.py", "east.py", "numpy.py"):  # a user's own modules of these names are none of its business
        (tmp_path / name).touch()
    (tmp_path / "pictures").mkdir()
    shutil.copy(demo_images[0], tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    small = ["--input-size", "64x96", "--rounds", "2", "--seconds", "0.01", "--batch", "1", "2", "--threads", "1"]
    asked = ["--runtime", "tensorflow", "openvino", "--precision", "FP32"]
    assert main(["speed", *asked, *small, "--images", "pictures", "--output", "."]) == 0
    table = capsys.readouterr().out
    assert (tmp_path / "speed.md").read_text() == table
    assert [cell.strip() for cell in table.splitlines()[0].split("|")[1:-1]] == list(COLUMNS)

    with (tmp_path / "speed.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["runtime"], row["batch"]) for row in rows] == [
        ("tensorflow FP32", "1"),
        ("tensorflow FP32", "2"),
        ("openvino FP32", "1"),
        ("openvino FP32", "2"),
    ]
    assert [row["of TF FP32"] for row in rows[:2]] == ["1.000", "1.000"]
    for row in rows:
        assert float(row["network ms"]) <= float(row["p99 ms"])
        assert float(row["FPS network"]) == pytest.approx(int(row["batch"]) * 1e3 / float(row["network ms"]), rel=0.01)
        assert float(row["FPS stream"]) > 0
        assert float(row["of JPEGs"]) > 0
        assert row["arithmetic"] == "f32"

    values = json.loads((tmp_path / "speed.json").read_text())
    assert values["settings"]["size"] == [64, 96]
    openvino = values["results"][1]
    assert openvino["weights"] == detector.weights
    for source in ("images", "files"):
        assert {name: len(fps) for name, fps in openvino["stream_fps"][source].items()} == {"1": 2, "2": 2}
    assert {(m["measure"], m["batch"]) for m in openvino["measured"]} == {
        (name, batch) for name in ("network", "boxes", "end_to_end") for batch in (1, 2)
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--images", "{empty}"], "no .jpg files"),
        (["--runtime", "tensorflow", "--precision", "INT8"], "nothing to measure"),
    ],
)
def test_what_cannot_be_measured_is_one_line(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["speed", *(argument.format(empty=tmp_path) for argument in arguments)]) == 1
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_figures_do_not_land_on_the_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "speed.npz").write_bytes(b"weights")
    (tmp_path / "speed.json").symlink_to(tmp_path / "speed.npz")
    assert main(["speed", "--weights", str(tmp_path / "speed.npz"), "--output", str(tmp_path)]) == 2
    assert "--output would write" in capsys.readouterr().err
    assert (tmp_path / "speed.npz").read_bytes() == b"weights"
