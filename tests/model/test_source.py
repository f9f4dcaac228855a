"""What a source is called and known by: the key under which its conversions are kept."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from east.errors import WeightsError
from east.model.checkpoint import write_checkpoint
from east.model.source import ModelSource


@pytest.fixture
def two(tmp_path: Path) -> list[Path]:
    """Prefixes of two checkpoints in one folder, the second of which is the latest."""
    prefixes = [tmp_path / "run" / f"model.ckpt-{step}" for step in (1, 10)]
    for step, prefix in enumerate(prefixes):
        write_checkpoint(prefix, {"a/weights": np.full(3, step, np.float32)})
    return prefixes


def test_a_checkpoint_is_the_same_whichever_of_its_files_is_named(two: list[Path]) -> None:
    for prefix in two:
        names = ["", ".index", ".data-00000-of-00001"]
        found = [ModelSource.find(f"{prefix}{suffix}") for suffix in names]
        assert {(source.name, source.sha256) for source in found} == {(prefix.name, found[0].sha256)}
    first, latest = (ModelSource.find(f"{prefix}.index") for prefix in two)
    assert first.sha256 != latest.sha256
    folder = ModelSource.find(two[1].parent)
    assert (folder.name, folder.sha256) == (latest.name, latest.sha256)


def test_only_the_checkpoints_own_files_count(two: list[Path]) -> None:
    before = ModelSource.find(two[1].parent).sha256
    (two[1].parent / "events.out.tfevents.1").write_bytes(b"log")
    assert ModelSource.find(two[1].parent).sha256 == before
    Path(f"{two[1]}.meta").write_bytes(b"another graph")
    assert ModelSource.find(two[1].parent).sha256 != before


def test_checkpoints_of_a_single_file_differ(tmp_path: Path) -> None:
    for name in ("old-1", "old-2"):
        (tmp_path / name).write_text(name)
    assert ModelSource.find(tmp_path / "old-1").sha256 != ModelSource.find(tmp_path / "old-2").sha256


def saved_model(folder: Path, variables: bytes) -> Path:
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"graph")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(variables)
    return folder


def test_a_saved_model_is_its_graph_and_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (saved_model(tmp_path / name, name.encode()) for name in ("one", "other"))
    assert ModelSource.find(one / "saved_model.pb").sha256 != ModelSource.find(other / "saved_model.pb").sha256
    source = ModelSource.find(one)
    assert (source.name, source.sha256) == ("one", ModelSource.find(one / "saved_model.pb").sha256)
    monkeypatch.chdir(one)
    assert ModelSource.find(".").name == "one"


def test_what_is_no_model_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not a folder with a checkpoint: it holds none"):
        ModelSource.find(tmp_path)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(WeightsError, match=r"cannot read weights .*folder\.npz: Is a directory"):
        ModelSource.find(tmp_path / "folder.npz")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WeightsError, match="no checkpoint at"):
        ModelSource.find(tmp_path / "pipe")
