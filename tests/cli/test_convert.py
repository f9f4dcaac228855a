from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from east import TextDetector
from east.cli import main
from east.runtimes.conversion.artifacts import ArtifactCache
from tests.support.small_network import write_small


def test_converts_once_and_says_what_came_out(
    detector: TextDetector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "cache"  # one that no other process fills meanwhile
    for entry in ArtifactCache().entries():
        if (entry.key["runtime"], entry.key["precision"]) == ("openvino", "FP32"):
            shutil.copytree(entry.folder, folder / entry.folder.name, copy_function=os.link)
    monkeypatch.setenv("EAST_CACHE_DIR", str(folder))
    before = ArtifactCache().entries()
    assert before
    assert main(["convert", "--runtime", "openvino", "--precision", "FP32", "--output", str(tmp_path / "model")]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"openvino FP32: {tmp_path / 'model'}, 9")
    assert "100.0% of the operations in 1 engine;" in output
    assert (tmp_path / "model" / "model.xml").exists()
    assert ArtifactCache().entries() == before


def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"east: error: {tmp_path}: is there already; name a folder that is not\n"


@pytest.mark.parametrize("command", ["convert --output {folder}", "inspect --tensorboard {folder}"])
def test_a_full_disk_is_one_line(command: str, detector: TextDetector, tmp_path: Path) -> None:
    """A limit on the size of written files stands in for a full disk."""
    folder = tmp_path / "model"
    arguments = command.format(folder=folder).split()
    done = subprocess.run(
        [sys.executable, "-m", "east", *arguments, "--runtime", "openvino", "--precision", "FP32"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"east: error: cannot write {folder}")
    if arguments[0] == "convert":
        assert not folder.exists()


def test_a_runtime_that_cannot_run_here_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--runtime", "tensorflow", "--precision", "INT8"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("east: error: runtime 'tensorflow' cannot do INT8 here; it can do FP32; ")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("content", [None, b"no image"])
def test_no_usable_calibration_image_is_one_line(
    content: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, weights = tmp_path / "images", tmp_path / "small.pb"
    images.mkdir()
    if content is not None:
        (images / "1.jpg").write_bytes(content)
    write_small(weights)
    arguments = ["--weights", str(weights), "--precision", "INT8", "--calibration", str(images)]
    assert main(["convert", "--runtime", "openvino", *arguments]) == 1
    error = capsys.readouterr().err
    assert str(images) in error
    assert len(error.splitlines()) == 1


def test_options_of_tf_trt_are_checked(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["convert", "--no-build-at-conversion", "--no-allow-build-at-runtime"]
    assert main(arguments) == 2
    assert "engines have to be built" in capsys.readouterr().err
