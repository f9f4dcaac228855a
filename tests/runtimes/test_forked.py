"""Processes that are forked from one with a loaded detector."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FORKED = """
import os, signal, sys
from east import TextDetector
options = {"runtime": sys.argv[1], "precision": "FP32", "input_size": (64, 64)}
detector = TextDetector(**options)
expected = detector.detect(sys.argv[2])
child = os.fork()
if child == 0:
    signal.alarm(60)
    detector = TextDetector(**options, threads=1)
    found = detector.detect(sys.argv[2])
    detector = None
    status = 0 if len(found) == len(expected) else 3
    sys.exit(status) if sys.argv[3] == "exit" else os._exit(status)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks a process with threads")
@pytest.mark.parametrize(("runtime", "end"), [("openvino", "exit"), ("onnx", "at once")])
def test_a_forked_process_puts_its_own_detector_in_the_place_of_the_inherited(
    runtime: str, end: str, demo_images: list[Path]
) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, runtime, str(demo_images[0]), end]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert (run.stdout, run.returncode) == ("0\n", 0), run.stderr
