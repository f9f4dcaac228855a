from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import CheckpointError
from east.training.loop.run_folder import CHECKPOINT, WEIGHTS, RunFolder
from east.training.presets import icdar2015, smoke

STATE: dict[str, NDArray[Any]] = {
    "weights/0": np.arange(6, dtype=np.float32).reshape(2, 3),
    "optimizer/0": np.asarray(5, np.int64),
}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "new" / "run")
    folder.save(7, STATE, {"layer/weights": np.zeros((1, 1, 2, 2), np.float32)})
    return folder


def test_what_was_saved_is_loaded(folder: RunFolder) -> None:
    step, state = RunFolder(folder.path).load()
    assert step == 7
    assert state.keys() == STATE.keys()
    for name, value in STATE.items():
        np.testing.assert_array_equal(state[name], value)
        assert state[name].dtype == value.dtype
    with np.load(folder.path / WEIGHTS) as weights:
        assert weights["layer/weights"].dtype == np.float16


def test_a_new_folder_holds_nothing(tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "run").load() == (0, {})


@pytest.mark.parametrize("content", [b"", b"text", None], ids=["empty", "text", "cut off"])
def test_a_damaged_checkpoint_is_named(folder: RunFolder, content: bytes | None) -> None:
    path = folder.path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:300] if content is None else content)
    with pytest.raises(CheckpointError, match=r"run/checkpoint.npz is no training checkpoint, delete it"):
        folder.load()


def test_a_state_of_another_form_is_refused(folder: RunFolder) -> None:
    _, state = folder.load()
    folder.check(state, STATE)
    with pytest.raises(CheckpointError, match=r"another configuration .* weights/1 is missing"):
        folder.check(state, {**STATE, "weights/1": np.zeros(3)})
    with pytest.raises(CheckpointError, match=r"another configuration .* weights/0 is \(2, 3\), not \(3, 2\)"):
        folder.check(state, {**STATE, "weights/0": np.zeros((3, 2))})


def test_changes_of_the_configuration_are_told(folder: RunFolder) -> None:
    config = icdar2015()
    assert folder.changes(config) == []
    folder.record(config)
    assert folder.changes(config) == []
    changed = replace(config, steps=5, recipe=replace(config.recipe, clip=1.0))
    assert folder.changes(changed) == ["recipe.clip=1.0", "steps=5"]
    assert "name=smoke" in folder.changes(smoke())
