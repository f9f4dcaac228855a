"""What is not installed is named with the extra that brings it, and the extras are those of the project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from east.errors import MissingPackageError
from east.extras import EXTRAS, install, missing_package, require

ROOT = Path(__file__).parent.parent
LIGHT = """
import runpy, sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
sys.argv[1:] = sys.argv[2:]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


def run_without(missing: Sequence[str], *command: str) -> subprocess.CompletedProcess[str]:
    """``python -m …`` where some modules cannot be imported."""
    program = LIGHT.format(missing=set(missing), module=command[0])
    arguments = [sys.executable, "-c", program, *command]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)


PROJECT = tomlkit.parse((ROOT / "pyproject.toml").read_text()).unwrap()["project"]


def requirements(extra: str) -> set[str]:
    """The distributions that an extra asks for, those of the extras in it included."""
    asked = [Requirement(text) for text in PROJECT["optional-dependencies"][extra]]
    inner = {other for one in asked if one.name == PROJECT["name"] for other in one.extras}
    return {one.name for one in asked}.union(*(requirements(other) for other in inner))


def test_every_extra_is_one_of_the_projects_and_brings_what_the_table_says() -> None:
    distributions = packages_distributions()
    come_with_fastapi = {"starlette", "pydantic"}
    not_here = {"tensorrt"}
    for extra, modules in EXTRAS.items():
        for module in {*modules} - come_with_fastapi - not_here:
            assert {canonicalize_name(name) for name in distributions[module]} & requirements(extra), (extra, module)


def test_nothing_of_an_extra_is_a_default() -> None:
    default = {Requirement(text).name for text in PROJECT["dependencies"]}
    extras = set().union(*(requirements(extra) for extra in EXTRAS))
    assert not default & extras
    assert {"tensorflow", "keras", "fastapi", "matplotlib", "onnx"} <= extras
    assert extras - {PROJECT["name"]} <= requirements("dev") | {"tensorrt"}


@pytest.mark.parametrize(
    ("command", "missing", "told"),
    [
        (
            ["east", "serve"],
            "uvicorn",
            "east serve: the service needs uvicorn: pip install 'east-text-detector[serve]'",
        ),
        (["serving"], "fastapi", "the service needs fastapi: pip install 'east-text-detector[serve]'"),
        (["serving", "--ray"], "ray", "python -m serving: --ray needs ray: pip install 'east-text-detector[ray]'"),
        (
            ["east", "batch", "demo", "--output", "out", "--ray"],
            "ray",
            "east: error: a Ray cluster needs ray: pip install 'east-text-detector[ray]'",
        ),
        (
            ["east", "batch", "demo", "--output", "out", "--format", "parquet"],
            "pyarrow",
            "east: error: the format parquet needs pyarrow: pip install 'east-text-detector[parquet]'",
        ),
        (["eval", "speed"], "matplotlib", "eval speed needs matplotlib: pip install 'east-text-detector[eval]'"),
        (
            ["east", "train", "synth", "--out", "x"],
            "fontTools",
            "needs fontTools: pip install 'east-text-detector[train]'",
        ),
    ],
)
def test_a_command_that_lacks_something_says_which_extra_has_it(command: list[str], missing: str, told: str) -> None:
    done = run_without([missing], *command)
    assert done.returncode == 1
    assert done.stderr.endswith(told + "\n")
    assert done.stderr.count("\n") == 1


def test_a_checkpoint_needs_tensorflow(tmp_path: Path) -> None:
    for suffix in ("index", "data-00000-of-00001"):
        (tmp_path / f"model.ckpt-1.{suffix}").write_bytes(b"anything")
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"anything")
    for flag, path, what in (
        ("--checkpoint", tmp_path / "model.ckpt-1", "checkpoint"),
        ("--weights", saved, "SavedModel"),
    ):
        done = run_without(["tensorflow"], "east", "freeze", flag, str(path), "--output", str(tmp_path / "east.pb"))
        assert done.stderr == (
            f"east: error: reading the {what} {path} needs tensorflow: pip install 'east-text-detector[tensorflow]'\n"
        )
        assert done.returncode == 1


def test_runtimes_tell_what_is_missing() -> None:
    done = run_without(["tensorflow"], "east", "runtimes")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("tensorflow")]
    told = "TensorFlow is not installed: pip install 'east-text-detector[tensorflow]'"
    assert line.split(maxsplit=4) == ["tensorflow", "-", "-", "-", told]
    assert done.returncode == 0


def test_several_that_are_missing_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("east.extras.is_installed", lambda _: False)
    with pytest.raises(MissingPackageError, match=r"^this needs matplotlib and 1 more: pip install '.*\[eval\]'$"):
        require("eval", "this")


def test_a_module_of_no_extra_is_missing_as_it_was() -> None:
    error = ModuleNotFoundError("No module named 'mine'", name="mine.inner")
    assert missing_package(error, "this") is error


def test_where_there_is_no_tensorflow_for_this_python_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert install("tensorrt") == "pip install 'east-text-detector[tensorrt]'"
    monkeypatch.setattr(sys, "version_info", (3, 13))
    assert install("tensorrt") == "pip install 'east-text-detector[tensorrt]', on Python 3.12 or older"
    assert install("serve") == "pip install 'east-text-detector[serve]'"
