"""``east serve`` and ``east eval``, also where a user's own files have the names of the packages behind them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from east import __version__
from east.cli import main

COLLIDING = ("weights", "eval", "serving", "options", "types_", "detector")


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A user's folder, with files named like the project's packages."""
    for name in COLLIDING:
        (tmp_path / f"{name}.py").touch()
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False)


def test_a_script_beside_such_files_finds_words(crowded: Path, demo_images: list[Path]) -> None:
    script = "from east import TextDetector\nprint(len(TextDetector(max_side=640).detect(SIGN)))\n"
    (crowded / "script.py").write_text(script.replace("SIGN", repr(str(demo_images[0]))))
    done = run(crowded, "script.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["eval", "--help"], "icdar2015"),
        (["eval", "icdar2015", "--help"], "--subset"),
        (["serve", "--help"], "--limits.image-bytes"),
        (["weights", "list"], "east_resnet50"),
        (["train", "fit", "--help"], "--config"),
    ],
)
def test_every_command_works_beside_such_files(arguments: list[str], says: str, crowded: Path) -> None:
    done = run(crowded, "-m", "east", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert says in done.stdout


@pytest.mark.parametrize("arguments", [["eval", "icdar2015", "--precision", "FP64"], ["serve", "--max-side", "10"]])
def test_bad_usage_of_a_neighbour_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = list(sys.path), list(sys.argv)
    assert main(arguments) == 2
    assert capsys.readouterr().err
    assert (sys.path, sys.argv) == before


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"east {__version__}\n"
