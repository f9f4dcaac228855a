"""``python -m east freeze`` as a user meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from east.cli import main
from east.model import weights
from east.model.frozen import FrozenModel


def test_writes_the_bundle_and_says_so_on_one_line(tmp_path: Path) -> None:
    output = tmp_path / "new" / "east.pb"
    command = [sys.executable, "-m", "east", "freeze", "--output", str(output), "--input-dtype", "uint8"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stderr == ""  # TensorFlow has nothing to say either
    assert process.returncode == 0
    record = weights.manifest()[weights.default_name()]
    size = output.stat().st_size / 1e6
    assert process.stdout == (
        f"{output}: 381 nodes of 16 kinds, {size:.1f} MB, uint8 input, weights {record.sha256[:12]}\n"
    )
    frozen = FrozenModel.load(output)
    assert frozen.input_dtype == "uint8"
    assert frozen.weights_sha256 == record.sha256


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--weights", "no-such-weights"], "no weights named 'no-such-weights'"),
        (["--score-name", "scores"], "has no graph to find 'scores' in; its score is 'feature_fusion/Conv_7/Sigmoid'"),
        (["--output", "."], ".: is a folder; name a file"),
    ],
)
def test_failures_take_one_line_and_write_nothing(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "east.pb"
    assert main(["freeze", "--output", str(output), *arguments]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("east: error: ")
    assert captured.err.count("\n") == 1
    assert complaint in captured.err
    assert not output.exists()


def test_an_output_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["freeze"])
    assert stop.value.code == 2
    assert "--output" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001", ".meta"])
@pytest.mark.parametrize("named", ["model.ckpt", "model.ckpt.index", "."])
def test_a_graph_does_not_land_on_its_weights(
    suffix: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (".index", ".data-00000-of-00001", ".meta"):
        (tmp_path / f"model.ckpt{name}").write_bytes(name.encode())
    output = tmp_path / f"model.ckpt{suffix}"
    assert main(["freeze", "--weights", str(tmp_path / named), "--output", str(output)]) == 2
    assert capsys.readouterr().err == (
        f"east: error: --output would write {output} over the input {output}: name another place\n"
    )
    assert output.read_bytes() == suffix.encode()


def test_a_graph_does_not_land_on_a_saved_model_nor_on_the_bundle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "variables").mkdir()
    for path in (tmp_path / "saved_model.pb", tmp_path / "variables" / "variables.index"):
        path.write_bytes(b"saved")
        assert main(["freeze", "--weights", str(tmp_path), "--output", str(path)]) == 2
        assert path.read_bytes() == b"saved"
    assert main(["freeze", "--output", str(weights.resolve("default"))]) == 2
    assert capsys.readouterr().err.count("over the input") == 3
