"""Which run an interrupted one is taken for."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import east
from east import TextDetector
from eval.dataset import Icdar2015
from eval.journal import ImageResult
from eval.run import environment, open_journal

RESULT = ImageResult("0,0,9,0,9,9,0,9,0.5\n", 1280, 720, 5.0, 1.0, 80.0, 0.5, 90.0)


def test_other_code_does_not_go_on_with_a_run(
    detector: TextDetector, made_up: Icdar2015, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Path(east.__file__).parent
    copy = shutil.copytree(package, tmp_path / "east", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(east, "__file__", str(copy / "__init__.py"))
    with open_journal(made_up, detector) as journal:
        journal.add("1", RESULT)
    with open_journal(made_up, detector) as journal:
        assert list(journal.results) == ["1"]
    with (copy / "postprocess" / "nms.py").open("a") as file:
        file.write("# changed\n")
    with open_journal(made_up, detector) as journal:
        assert journal.results == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda options, folder: {"max_side": 640},
        lambda options, folder: {"tf32": True},
        lambda options, folder: {"scoring": "peak"},
        lambda options, folder: {"calibration": replace(options.calibration, source=folder)},
    ],
)
def test_other_options_do_not_go_on_with_a_run(
    detector: TextDetector,
    demo_images: list[Path],
    made_up: Icdar2015,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Any, Path], dict[str, Any]],
) -> None:
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path))
    with open_journal(made_up, detector) as journal:
        journal.add("1", RESULT)
    fields = {name: getattr(detector, name) for name in ("runtime", "weights", "weights_sha256", "confidence")}
    options = replace(detector.options, **change(detector.options, demo_images[0].parent))
    with open_journal(made_up, cast(TextDetector, SimpleNamespace(**fields, options=options))) as journal:
        assert journal.results == {}


def test_another_curve_does_not_go_on_with_a_run(
    detector: TextDetector, made_up: Icdar2015, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path))
    with open_journal(made_up, detector) as journal:
        journal.add("1", RESULT)
    monkeypatch.setattr(detector, "confidence", None)
    with open_journal(made_up, detector) as journal:
        assert journal.results == {}


def test_the_environment_names_what_decides_figures() -> None:
    assert {"python", "platform", "openvino", "numpy"} <= environment().keys()
