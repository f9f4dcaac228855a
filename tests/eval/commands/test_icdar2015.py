"""``python -m eval icdar2015`` with the real detector, on the demo images in ICDAR2015's layout."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from east.extras import is_installed
from eval.cli import main
from eval.dataset import load
from eval.journal import ImageResult, Journal

# Kills its own process when the fifth image has been recorded, as a power cut would.
DYING = """
import os, signal, sys
from eval.journal import Journal
add = Journal.add
def dying(self, key, result):
    add(self, key, result)
    if len(self.results) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.add = dying
from eval.cli import main
sys.exit(main())
"""


def arguments(data: Path, report: Path) -> list[str]:
    return ["icdar2015", "--data", str(data), "--input-size", "384x512", "--report", str(report), "--json"]


@pytest.fixture(scope="module")
def report(demo_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("report")
    assert main(arguments(demo_set, folder)) == 0
    return folder


def digits(report: Path) -> dict[str, Any]:
    """What must be the same every time: everything but the times."""
    values: dict[str, Any] = json.loads((report / "report.json").read_text())
    for run in values["runs"]:
        del run["speed"]
    for image in values["images"].values():
        assert all(value > 0 for value in image.pop("ms").values())
    return values


def test_the_words_of_the_demo_images_are_found(report: Path) -> None:
    values = digits(report)
    assert values["runs"][0]["score"]["hmean"] > 0.7
    assert list(values["images"]) == [str(number) for number in range(1, 9)]
    assert values["runs"][0]["run"]["input_size"] == [384, 512]
    assert values["runs"][0]["run"]["model_bytes"] > 20e6


def test_the_submission_scores_the_same(report: Path, demo_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--gt", str(demo_set), "--submission", str(report / "submission.zip"), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    expected = digits(report)["runs"][0]["score"]
    for name in ("precision", "recall", "hmean"):
        assert scored[name] == expected[name]


def test_a_killed_run_goes_on_to_the_same_report(
    report: Path, demo_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-c", DYING, *arguments(demo_set, tmp_path / "report")]
    killed = subprocess.run(command, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not list((tmp_path / "report").iterdir())
    assert main(arguments(demo_set, tmp_path / "report")) == 0
    assert "going on with an interrupted run: 5 of 8 images are done" in capsys.readouterr().err
    assert digits(tmp_path / "report") == digits(report)
    assert (tmp_path / "report" / "submission.zip").read_bytes() == (report / "submission.zip").read_bytes()
    assert not list((Path(os.environ["EAST_CACHE_DIR"]) / "evaluations").iterdir())


def test_an_interrupted_run_says_how_to_go_on(
    demo_set: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = Journal.add

    def interrupted(journal: Journal, key: str, result: ImageResult) -> None:
        add(journal, key, result)
        if key == "2":
            raise KeyboardInterrupt

    command = ["icdar2015", "--data", str(demo_set), "--input-size", "64x96", "--subset", "1-3"]
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", interrupted)
        assert main(command) == 130
    assert "eval: 2 of 3 images are done; the same command goes on from there" in capsys.readouterr().err
    assert main([*command, "--restart"]) == 0
    assert "going on" not in capsys.readouterr().err


def test_a_report_needs_a_folder(demo_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["icdar2015", "--data", str(demo_set), "--report", str(demo_set / "img_1.jpg")]) == 2
    assert "--report needs a folder" in capsys.readouterr().err


def test_the_table(demo_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["icdar2015", "--data", str(demo_set), "--input-size", "64x96", "--subset", "1-2"]) == 0
    output = capsys.readouterr()
    assert "| openvino FP32 (f32) |" in output.out
    assert "| TF-TRT FP16" in output.out
    (line,) = output.err.splitlines()
    assert line.startswith("eval: note: images 1-2 only (2 images, ")


def test_a_precision_that_the_runtime_cannot_do(demo_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["icdar2015", "--data", str(demo_set), "--runtime", "tensorflow", "--precision", "INT8"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "error: runtime 'tensorflow' cannot do INT8" in output.err


def test_of_several_runtimes_and_precisions_each_does_what_it_can(
    demo_set: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = ["--runtime", "tensorflow", "openvino", "--precision", "FP32", "INT8"]
    assert main(["icdar2015", "--data", str(demo_set), "--subset", "1", "--input-size", "64x96", *several]) == 0
    output = capsys.readouterr()
    rows = [line for line in output.out.splitlines() if line.startswith(("| tensorflow", "| openvino"))]
    assert [row.split("(")[0] for row in rows] == ["| tensorflow FP32 ", "| openvino FP32 ", "| openvino INT8 "]
    assert "note: runtime 'tensorflow' cannot do INT8 here" in output.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runtime", "nonsense"], "must be one of auto, "),
        (["--subset", "9-1"], "--subset must be image numbers"),
    ],
)
def test_wrong_values_are_bad_usage(
    demo_set: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["icdar2015", "--data", str(demo_set), *options])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_no_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("ICDAR2015_DIR", raising=False)
    assert main(["icdar2015"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "https://rrc.cvc.uab.es" in line


def test_a_report_does_not_land_on_the_data(demo_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    shutil.copytree(demo_set, data / "images")
    (data / "report.json").write_text("mine")
    (data / "submission.zip").touch()
    with zipfile.ZipFile(tmp_path / "submission.zip", "w") as archive:
        for path in (data / "images").glob("gt_*"):
            archive.write(path, path.name)
    for report, truths in ((data, []), (tmp_path, ["--gt", str(tmp_path / "submission.zip")])):
        assert main([*arguments(data, report), *truths]) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert "--report would write" in line
        assert "over the input" in line
    assert (data / "report.json").read_text() == "mine"


def test_an_earlier_report_among_the_data_is_not_read(
    report: Path, demo_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(demo_set, tmp_path / "data")
    shutil.copytree(report, tmp_path / "data" / "report")
    assert [*(tmp_path / "data" / "report" / "images").iterdir()]
    assert len(load(tmp_path / "data").samples) == 8


@pytest.mark.skipif(not is_installed("rapidocr"), reason="RapidOCR is not installed")
def test_words_are_read_and_counted_end_to_end(
    demo_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*arguments(demo_set, tmp_path), "--subset", "1-2", "--read", "rapidocr", "--threads", "1"]
    assert main(command) == 0
    printed = json.loads(capsys.readouterr().out)["runs"][0]
    saved = json.loads((tmp_path / "report.json").read_text())
    assert printed["end_to_end"] == saved["runs"][0]["end_to_end"]
    assert 0.3 < printed["end_to_end"]["recall"] <= printed["score"]["recall"]
    assert printed["end_to_end"]["words"] == printed["score"]["words"]
    assert printed["speed"]["reading_ms"]["mean"] > 0
    reading = printed["run"]["reading"]
    assert reading["recogniser"].startswith("rapidocr 3.")
    assert (reading["padding"], reading["text_threshold"], printed["run"]["thresholds"]["score"]) == (0, 0.7, 0.5)
    assert "as read by rapidocr 3." in (tmp_path / "report.md").read_text()
    texts = {word["text"].upper() for image in saved["images"].values() for word in image["read"]}
    truths = {word["text"].upper() for image in saved["images"].values() for word in image["words"]}
    assert len(texts & truths) > 5
    told = (tmp_path / "report.md").read_text()
    assert f"| {printed['end_to_end']['hmean']:.4f} |" in told.partition("Words found and read right")[2]


def test_a_recogniser_that_there_is_not(demo_set: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["icdar2015", "--data", str(demo_set), "--read", "nothing"])
    assert caught.value.code == 2
    assert "rapidocr" in capsys.readouterr().err
