"""``python -m eval compare`` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.cli import main
from eval.dataset import Icdar2015
from eval.report import write_report
from eval.run import Run

SQUARE = "0,0,40,0,40,20,0,20"
FAR = "300,300,340,300,340,320,300,320"

Zipped = Callable[..., Path]


@pytest.fixture
def reports(made_up: Icdar2015, run_of: Callable[..., Run], tmp_path: Path) -> tuple[str, str]:
    write_report(tmp_path / "a", made_up, [run_of(made_up)])
    write_report(tmp_path / "b", made_up, [run_of(made_up, drop=frozenset({"1"}))])
    return str(tmp_path / "a"), str(tmp_path / "b")


def test_compare_reports(reports: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *reports]) == 0
    output = capsys.readouterr().out
    assert "1 of 4 images changed; 2 words lost, 0 words gained" in output
    assert "image 1: lost 'fine', 'good'" in output
    assert main(["compare", *reports, "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["changes"] == [
        {
            "key": "1",
            "lost": [0, 1],
            "gained": [],
            "false_alarms": [0, 0],
            "lost_words": ["fine", "good"],
            "gained_words": [],
        }
    ]
    low, high = values["interval"]
    assert low <= values["hmean_difference"] <= high


def test_compare_submissions(zipped: Zipped, gt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = zipped("a.zip", res_img_1=SQUARE), zipped("b.zip", res_img_1=FAR)
    assert main(["compare", str(a), str(b), "--gt", str(gt)]) == 0
    output = capsys.readouterr().out
    assert "image 1: lost 'a'; gained 'b'" in output
    assert "AP" not in output  # without confidences there is none
    assert main(["compare", str(a), str(b)]) == 1
    assert "name the ground truths by --gt" in capsys.readouterr().err
    assert main(["compare", str(a), "none.zip", "--gt", str(gt)]) == 1
    assert "none.zip does not exist" in capsys.readouterr().err


def test_reports_that_cannot_be_compared(
    reports: tuple[str, str], made_up_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "report.json").write_text("{}")
    assert main(["compare", reports[0], str(damaged)]) == 1
    assert "is not a report of this program" in capsys.readouterr().err
    values = json.loads((Path(reports[1]) / "report.json").read_text())
    del values["images"]["2"]
    (damaged / "report.json").write_text(json.dumps(values))
    assert main(["compare", reports[0], str(damaged)]) == 1
    assert "not on the same images" in capsys.readouterr().err
