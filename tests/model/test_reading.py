"""Files of weights that the system cannot read are named as such, never taken for anything else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from east.errors import WeightsError
from east.model import weights
from east.model.checkpoint import read_arrays, write_checkpoint
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel, read_graph_def
from east.model.source import ModelSource

UNREADABLE = Path("/proc/self/mem")  # a plain file to look at, of which reading fails whoever asks
KINDS = {  # file that cannot be read: what names the weights
    "bundle.npz": "bundle.npz",
    "frozen.pb": "frozen.pb",
    "run/model.index": "run",
    "run/model.data-00000-of-00001": "run/model",
    "run/model.meta": "run/model.index",
    "run/checkpoint": "run",
    "saved/saved_model.pb": "saved",
}

pytestmark = pytest.mark.skipif(not UNREADABLE.exists(), reason="needs Linux' /proc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "run" / "model", {"a/weights": np.ones(3, np.float32)})
    (tmp_path / "saved").mkdir()
    return tmp_path


@pytest.mark.parametrize("file", KINDS)
@pytest.mark.parametrize("read", [ModelSource.find, freeze])
def test_an_unreadable_file_of_any_kind_is_named(read: Callable[[Path], object], file: str, folder: Path) -> None:
    (folder / file).unlink(missing_ok=True)
    (folder / file).symlink_to(UNREADABLE)
    with pytest.raises(WeightsError) as error:
        read(folder / KINDS[file])
    assert str(error.value) == f"cannot read weights {folder / file}: Input/output error"


@pytest.mark.parametrize(
    ("read", "file"), [(read_arrays, "bundle.npz"), (read_graph_def, "frozen.pb"), (FrozenModel.load, "frozen.pb")]
)
def test_so_it_is_by_every_reader(read: Callable[[Path], object], file: str, folder: Path) -> None:
    (folder / file).symlink_to(UNREADABLE)
    with pytest.raises(WeightsError, match=rf"{file}: Input/output error"):
        read(folder / file)


def test_weights_that_are_gone_since_they_were_found_are_named(folder: Path) -> None:
    source = ModelSource.find(folder / "run")
    shutil.rmtree(folder / "run")
    with pytest.raises(WeightsError, match="no checkpoint at"):
        source.freeze()


@pytest.mark.parametrize(("name", "reason"), [("x" * 300, "File name too long"), ("loop.npz", "symbolic links")])
def test_names_that_the_system_refuses_are_answered(name: str, reason: str, folder: Path) -> None:
    (folder / "loop.npz").symlink_to(folder / "loop.npz")
    with pytest.raises(WeightsError, match=reason):
        freeze(folder / name)
    with pytest.raises(WeightsError):
        ModelSource.find(folder / name)


def test_a_manifest_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EAST_WEIGHTS_DIR", str(folder))
    (folder / "manifest.json").symlink_to(UNREADABLE)
    with pytest.raises(WeightsError, match=r"manifest\.json: .*Input/output error"):
        weights.manifest()
