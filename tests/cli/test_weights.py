"""``east weights`` and ``python -m weights``."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from east.cli.weights import add_parser, main
from east.model import weights
from east.model.checkpoint import read_variables
from east.model.confidence import Confidence
from east.postprocess import ConfidenceCurve


def test_commands_print_what_is_on_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    first, *others = capsys.readouterr().out.splitlines()
    assert first.split()[0] == "east_resnet50"
    assert first.endswith("default")
    assert not [line for line in others if "default" in line]
    assert main(["show"]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == weights.manifest()["east_resnet50"].sha256
    assert main(["verify"]) == 0
    assert "intact" in capsys.readouterr().out


def test_the_list_says_whose_f1_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = json.loads((weights.BUNDLED / "manifest.json").read_text())
    records["weights"][0]["accuracy"]["of"] = "weights trained on less"
    (tmp_path / "manifest.json").write_text(json.dumps(records))
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    assert main(["list"]) == 0
    assert "F1 is that of weights trained on less" in capsys.readouterr().out.splitlines()[0]


def test_verify_fails_on_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("manifest.json", "east_resnet50.npz"):
        shutil.copy(weights.BUNDLED / name, tmp_path)
    monkeypatch.setattr(weights, "BUNDLED", tmp_path)
    copied = tmp_path / "east_resnet50.npz"
    copied.write_bytes(copied.read_bytes()[:-1])
    assert main(["verify", "east_resnet50"]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "damaged" in printed.err


def test_import_puts_weights_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EAST_WEIGHTS_DIR", str(tmp_path / "user"))
    source = tmp_path / "mine.npz"
    np.savez(source, **read_variables(weights.resolve("default")))
    assert main(["import", str(source), "--name", "mine", "--training", "by hand", "--terms", "any"]) == 0
    record = weights.manifest()["mine"]
    assert (record.path, record.training, record.terms) == (tmp_path / "user" / "mine.npz", "by hand", "any")
    assert str(record.path) in capsys.readouterr().out
    assert main(["import", str(source), "--name", "mine"]) == 1
    assert "are there already" in capsys.readouterr().err
    assert main(["import", str(source), "--name", "mine", "--replace"]) == 0


def test_an_unknown_name_is_answered_with_those_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "nobody"]) == 1
    expected = "python -m weights: error: no weights named 'nobody'; known names: east_resnet50, east_resnet50_800\n"
    assert capsys.readouterr().err == expected


def test_it_is_a_command_of_its_own_among_others(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command"))
    args = parser.parse_args(["weights", "show", "east_resnet50"])
    assert args.run(args) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "east_resnet50"


def test_the_package_runs_it_wherever_it_is_called_from(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "weights", "list"]
    listed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert listed.stdout.startswith("east_resnet50")


def test_weights_are_not_imported_over_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "weights" / "mine.npz"
    source.parent.mkdir()
    monkeypatch.setenv("EAST_WEIGHTS_DIR", str(source.parent))
    shutil.copy(weights.resolve("default"), source)
    (tmp_path / "link.npz").symlink_to(source)
    before = source.read_bytes()
    for path in (source, tmp_path / "link.npz"):
        assert main(["import", str(path), "--name", "mine"]) == 1
        assert "is where weights named 'mine' are kept: choose another name" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_a_confidence_curve_is_shown_taken_and_gone_with_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EAST_WEIGHTS_DIR", str(tmp_path / "user"))
    source = tmp_path / "sister.npz"
    np.savez(source, **read_variables(weights.resolve("default")))
    fitted = tmp_path / "fitted.confidence.json"
    Confidence(ConfidenceCurve(0.5, -1.5), "0" * 64, {"images": 200}).save(fitted)
    assert main(["import", str(source), "--name", "mine"]) == 0
    capsys.readouterr()
    assert main(["show", "mine"]) == 0
    assert "none on record" in json.loads(capsys.readouterr().out)["confidence"]
    assert main(["confidence", "mine", str(fitted)]) == 0
    place = tmp_path / "user" / "mine.confidence.json"
    assert str(place) in capsys.readouterr().out
    assert main(["show", "mine"]) == 0
    shown = json.loads(capsys.readouterr().out)["confidence"]
    assert shown == {"path": str(place), "slope": 0.5, "shift": -1.5, "fitted": {"images": 200}}
    place.write_bytes(place.read_bytes()[:-5])
    assert main(["verify", "mine"]) == 1
    assert "damaged or no confidence curve" in capsys.readouterr().err
    assert main(["import", str(source), "--name", "mine", "--replace"]) == 0
    assert not place.exists()
