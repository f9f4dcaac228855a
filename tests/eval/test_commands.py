"""``python -m eval score`` and ``compare`` as a user meets them."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
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
def zipped(tmp_path: Path) -> Zipped:
    def make(name: str, **texts: str) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for key, text in texts.items():
                archive.writestr(f"{key}.txt", text)
        return tmp_path / name

    return make


@pytest.fixture
def gt(zipped: Zipped) -> Path:
    return zipped("gt.zip", gt_img_1=f"{SQUARE},a\r\n{FAR},b", gt_img_2=f"{SQUARE},###")


def test_score_as_json(zipped: Zipped, gt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission = zipped("s.zip", res_img_1=SQUARE, res_img_2=f"{SQUARE}\n{FAR}")
    per_image = tmp_path / "out" / "images.json"
    assert (
        main(["score", "--gt", str(gt), "--submission", str(submission), "--json", "--per-image", str(per_image)]) == 0
    )
    assert json.loads(capsys.readouterr().out) == {"precision": 0.5, "recall": 0.5, "hmean": 0.5, "AP": 0.0}
    images = json.loads(per_image.read_text())
    assert images["1"]["pairs"] == [{"gt": 0, "det": 0}]
    assert images["2"] == {
        "precision": 0.0,
        "recall": 1.0,
        "hmean": 0.0,
        "AP": 0.0,
        "matched": 0,
        "words": 0,
        "detections": 1,
        "pairs": [],
        "detDontCare": [0],
    }


def test_score_for_people(zipped: Zipped, gt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", "--gt", str(gt), "--submission", str(zipped("s.zip", res_img_1=f"{SQUARE},0.5"))]) == 0
    assert capsys.readouterr().out == (
        "recall     0.500000  (1 of 2 words)\n"
        "precision  1.000000  (1 of 1 detections)\n"
        "F1         0.666667\n"
        "AP         0.500000\n"
    )
    main(["score", "--gt", str(gt), "--submission", str(zipped("s.zip", res_img_1=SQUARE))])
    assert "AP         -  (no confidences)" in capsys.readouterr().out


def test_confidences_can_be_demanded(zipped: Zipped, gt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission = str(zipped("s.zip", res_img_1=SQUARE))
    assert main(["score", "--gt", str(gt), "--submission", submission, "--confidences"]) == 1
    assert "confidence (0 to 1)" in capsys.readouterr().err


def test_a_refusal_is_one_line(zipped: Zipped, gt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submission = zipped("s.zip", res_img_1=f"{SQUARE}\n1,2,3")
    assert main(["score", "--gt", str(gt), "--submission", str(submission)]) == 1
    assert capsys.readouterr().err == (
        "eval: error: res_img_1.txt, line 2: expected x1,y1,x2,y2,x3,y3,x4,y4 with integer points and nothing else; "
        "got '1,2,3'\n"
    )


@pytest.mark.parametrize("arguments", [["score"], ["score", "--gt", "x"], ["nothing"], [], ["icdar2015", "--subset"]])
def test_bad_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_help_needs_no_heavy_library() -> None:
    code = "import sys; from eval.cli import main\ntry: main(['--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name in ("icdar2015", "score", "compare"):
        assert name in done.stdout
    for heavy in ("'numpy'", "'shapely'", "'matplotlib'", "'tensorflow'", "'openvino'", "'cv2'"):
        assert heavy not in done.stdout


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
