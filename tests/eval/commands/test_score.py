"""``python -m eval score`` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.cli import main

SQUARE = "0,0,40,0,40,20,0,20"
FAR = "300,300,340,300,340,320,300,320"

Zipped = Callable[..., Path]


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


def test_results_do_not_land_on_what_is_scored(
    zipped: Zipped, gt: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submission = zipped("s.zip", res_img_1=SQUARE)
    (tmp_path / "link.json").symlink_to(submission)
    inputs = [gt, submission, tmp_path / "link.json"]
    for output in inputs:
        before = output.read_bytes()
        assert main(["score", "--gt", str(gt), "--submission", str(submission), "--per-image", str(output)]) == 2
        assert f"--per-image would write {output} over the input" in capsys.readouterr().err
        assert output.read_bytes() == before
