"""The default install, in an environment of its own: small, without TensorFlow, and its boxes are TensorFlow's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from east import TextDetector

ROOT = Path(__file__).parent.parent
IMAGE = ROOT / "demo" / "shop.jpg"
LARGEST = 800_000_000  # bytes
MAX_SIDE = 640
REFERENCES = {"FP32": "tensorflow", "INT8": "openvino"}
"""The runtime here whose boxes are expected: TensorFlow has no INT8."""

PIP: list[str | Path] = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Standard output of a command; fails with what it printed if it did."""
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a new environment with the project's wheel and its default dependencies, as the lock has them."""
    folder = tmp_path_factory.mktemp("slim")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "venv")
    python = folder / "venv" / "bin" / "python"
    pip = [*PIP, "--python", python]
    probe = [*pip, "download", "--retries=0", "--timeout=15", "--no-deps", f"--dest={folder / 'probe'}", "platformdirs"]
    asked = subprocess.run([str(part) for part in probe], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip(f"no package index to install from: {asked.stderr.splitlines()[-1:]}")
    locked = re.findall(r"^[a-z].*?(?= \\$)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (folder / "constraints.txt").write_text("\n".join(locked))
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    [wheel] = folder.glob("*.whl")
    run(*pip, "install", "--no-compile", "--constraint", folder / "constraints.txt", wheel)
    return python.parent


def test_it_is_small_and_has_no_tensorflow(installed: Path, tmp_path: Path) -> None:
    size = sum(path.lstat().st_size for path in installed.parent.rglob("*") if not path.is_dir())
    assert size <= LARGEST
    listed = run(
        installed / "python", "-c", "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    )
    assert not {"tensorflow", "keras", "nncf", "scipy", "matplotlib", "fastapi"} & {*listed.split()}
    assert len(run(installed / "east", "weights", "list", cwd=tmp_path).splitlines()) == 1  # none for measuring alone
    assert run(installed / "python", "-c", "from importlib.util import find_spec; print(find_spec('tensorflow'))",
               cwd=tmp_path) == "None\n"  # fmt: skip


@pytest.mark.parametrize("precision", REFERENCES)
def test_its_boxes_are_those_of_the_whole_install(precision: str, installed: Path, tmp_path: Path) -> None:
    [found] = json.loads(
        run(installed / "east", "detect", IMAGE, "--precision", precision, "--max-side", str(MAX_SIDE), cwd=tmp_path)
    )
    assert found["model"]["runtime"] == "openvino"
    assert found["model"]["precision"] == precision
    with TextDetector(runtime=REFERENCES[precision], precision=precision) as reference:
        expected = reference.detect(IMAGE, max_side=MAX_SIDE)
    quads = np.array([box["quad"] for box in found["boxes"]])
    assert len(quads) == len(expected) > 5
    distances = np.abs(quads[:, None] - expected.quads[None]).max(axis=(2, 3))
    nearest = distances.argmin(axis=1)
    assert sorted(nearest) == list(range(len(expected)))
    assert distances.min(axis=1).max() <= 0.05
    scores = [box["score"] for box in found["boxes"]]
    np.testing.assert_allclose(scores, [expected[i].score for i in nearest], rtol=0, atol=1e-3)


def test_it_tells_what_it_can_run_and_what_the_rest_needs(installed: Path, tmp_path: Path) -> None:
    about = json.loads(run(installed / "east", "runtimes", "--json", cwd=tmp_path))
    assert about["auto"]["FP32"] == "openvino"
    tensorflow = about["runtimes"]["tensorflow"]
    assert tensorflow["precisions"] == []
    assert "pip install 'east-text-detector[tensorflow]'" in tensorflow["missing"]
    for command in ("serve", "eval speed", "train synth --out x"):
        done = subprocess.run(
            [installed / "east", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        extra = command.split()[0]
        assert f"pip install 'east-text-detector[{extra}]'" in done.stderr
        assert done.stderr.count("\n") == done.returncode == 1
