"""The project's own network is frozen without Keras, whichever backend of it the process has or wants."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from east.model.frozen import FrozenModel, hash_constants

REPORT = """
import os, sys
keras = sys.modules.get("keras")
print(os.environ.get("KERAS_BACKEND"), keras and keras.backend.backend())
"""
FREEZE = """
from east.model.freezing.freeze import freeze
freeze(sys.argv[1]).save(sys.argv[2])
"""
DETECT = """
from east import TextDetector
detector = TextDetector(runtime="tensorflow", input_size=(256, 352))
print(len(detector.detect(sys.argv[1])) > 5)
"""


def run(code: str, backend: str | None, *arguments: Path) -> list[str]:
    """What a fresh process prints that asks for a backend of Keras."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    if backend is not None:
        environment["KERAS_BACKEND"] = backend
    command = [sys.executable, "-c", f"import sys\n{code}", *map(str, arguments)]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()


@pytest.mark.parametrize(
    ("backend", "before", "after"),
    [
        pytest.param(None, "", "None None", id="none asked for"),
        pytest.param("openvino", "import keras", "openvino openvino", id="another one imported"),
    ],
)
def test_freezing_leaves_the_process_its_own_keras(
    backend: str | None, before: str, after: str, tmp_path: Path, bundle: Path, frozen: FrozenModel
) -> None:
    assert run(before + FREEZE + REPORT, backend, bundle, tmp_path / "frozen.pb") == [after]
    loaded = FrozenModel.load(tmp_path / "frozen.pb")
    assert hash_constants(loaded.graph_def) == hash_constants(frozen.graph_def)


def test_a_detector_needs_no_keras(demo_images: list[Path]) -> None:
    """JAX is asked for and not installed, so that Keras cannot be imported at all."""
    assert run(DETECT + REPORT, "jax", demo_images[0]) == ["True", "jax None"]
