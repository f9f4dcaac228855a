"""What ``--report`` leaves in its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.metrics import score
from eval.dataset import Icdar2015
from eval.report import overview, read_report, write_report
from eval.run import Run
from eval.submission import read_submission

RunOf = Callable[..., Run]

PNGS = {
    *("precision_recall.png", "f1_by_threshold.png", "reliability.png"),
    *("f1_by_height.png", "f1_by_orientation.png", "latency.png"),
}


@pytest.fixture
def run(made_up: Icdar2015, run_of: RunOf) -> Run:
    return run_of(made_up)


def test_files(made_up: Icdar2015, run: Run, tmp_path: Path) -> None:
    write_report(tmp_path, made_up, [run])
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    images = {f"images/img_{number}.jpg" for number in (2, 10)}  # the others have no errors
    assert files == {"report.json", "report.md", "submission.zip", "index.html"} | PNGS | images
    for name in PNGS:
        with Image.open(tmp_path / name) as png:
            assert min(png.size) > 300
            assert len(np.unique(np.asarray(png.convert("L")))) > 10


def test_the_submission_scores_as_reported(made_up: Icdar2015, run: Run, tmp_path: Path) -> None:
    write_report(tmp_path, made_up, [run])
    again = score(made_up.truths, read_submission(tmp_path / "submission.zip", made_up.truths, confidences=False))
    values = json.loads((tmp_path / "report.json").read_text())["runs"][0]["score"]
    assert (again.recall, again.precision, again.hmean) == (values["recall"], values["precision"], values["hmean"])


def test_a_report_is_read_back(made_up: Icdar2015, run: Run, tmp_path: Path) -> None:
    write_report(tmp_path, made_up, [run])
    report = read_report(tmp_path)
    again = score(report.truths, report.detected)
    assert (again.recall, again.precision, again.ap) == (run.score.recall, run.score.precision, run.score.ap)
    assert report.truths["2"].transcriptions == made_up.truths["2"].transcriptions


def test_figures_of_the_document(made_up: Icdar2015, run: Run, tmp_path: Path) -> None:
    write_report(tmp_path, made_up, [run])
    values = json.loads((tmp_path / "report.json").read_text())
    assert values["dataset"]["images"] == 4
    assert values["runs"] == overview(made_up, [run])["runs"]
    assert values["runs"][0]["score"]["matched"] == 4
    assert values["runs"][0]["speed"]["fps_end_to_end"] == pytest.approx(1000 / 90)
    image = values["images"]["10"]
    assert [word["detection"] for word in image["words"]] == [None, 0]
    assert image["detections"][0] == {
        "quad": [101, 10, 161, 10, 161, 30, 101, 30],
        "score": 0.4,
        "word": 1,
        "set_aside": False,
    }
    assert values["images"]["3"]["detections"][0]["set_aside"] is True


def test_markdown_has_both_tables(made_up: Icdar2015, run: Run, tmp_path: Path) -> None:
    write_report(tmp_path, made_up, [run])
    text = (tmp_path / "report.md").read_text()
    assert "| openvino FP32 (f32) |" in text
    assert "| TF-TRT INT8         |          83 |" in text
    assert "not comparable with published figures" in text
    for name in PNGS:
        assert f"({name})" in text


def test_several_runs(made_up: Icdar2015, run_of: RunOf, tmp_path: Path) -> None:
    write_report(tmp_path, made_up, [run_of(made_up), run_of(made_up, precision="INT8", drop=frozenset({"1"}))])
    for folder in ("openvino-FP32", "openvino-INT8"):
        assert (tmp_path / folder / "report.json").is_file()
        assert (tmp_path / folder / "submission.zip").is_file()
        assert f'href="{folder}/index.html"' in (tmp_path / "index.html").read_text()
    values = json.loads((tmp_path / "report.json").read_text())
    assert values["folders"] == ["openvino-FP32", "openvino-INT8"]
    assert [entry["run"]["precision"] for entry in values["runs"]] == ["FP32", "INT8"]


def test_nothing_found(made_up: Icdar2015, run_of: RunOf, tmp_path: Path) -> None:
    write_report(tmp_path, made_up, [run_of(made_up, drop=frozenset(made_up.truths))])
    values = json.loads((tmp_path / "report.json").read_text())
    assert values["runs"][0]["score"]["hmean"] == 0
