"""What benchmarks are told: what cannot be is one line, before anything is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def refused(command: str, *arguments: str) -> str:
    """What a benchmark says of what it is told, in its last line, before it loads a network."""
    program = [sys.executable, str(ROOT / "bench" / command), *arguments]
    told = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert told.returncode in {1, 2}
    assert "Traceback" not in told.stderr
    return told.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "arguments", "named"),
    [
        ("serving.py", ["throughput", "--seconds", "0"], "--seconds: must be a number above 0, got '0'"),
        ("serving.py", ["throughput", "--processes", "-3"], "--processes: must be a whole number from 0, got '-3'"),
        ("streams.py", ["--images", "demo", "--threads", "--processes"], "neither threads nor processes to measure"),
        ("cluster.py", ["scaling", "--data", "demo"], "one of the arguments --gpus --cpus is required"),
        ("cluster.py", ["scaling", "--data", "absent", "--cpus", "1"], "absent: no such folder"),
    ],
)
def test_what_cannot_be_is_named(command: str, arguments: list[str], named: str) -> None:
    assert named in refused(command, *arguments)


def test_a_folder_without_images_and_one_that_is_damaged_are_named(tmp_path: Path) -> None:
    arguments = ["--images", str(tmp_path), "--precision", "FP32"]
    assert refused("streams.py", *arguments).startswith(f"error: {tmp_path}: no images in this folder")
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 nothing")
    assert refused("streams.py", *arguments).startswith(f"error: {tmp_path / 'a.jpg'}: ")
