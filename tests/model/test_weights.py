"""Weights on record: found, verified, refused when altered, imported."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from east.errors import CheckpointError, DamagedFileError, WeightsError
from east.files import sha256_file
from east.model import weights
from east.model.checkpoint import read_variables

ROOT = Path(__file__).parents[2]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EAST_WEIGHTS_DIR", str(tmp_path / "user"))
    return tmp_path / "user"


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the bundled folder, so that a test may damage it."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    for name in ("manifest.json", "east_resnet50.npz"):
        shutil.copy(weights.BUNDLED / name, folder)
    monkeypatch.setattr(weights, "BUNDLED", folder)
    return folder / "east_resnet50.npz"


def test_bundled_weights_are_intact_and_small() -> None:
    record = weights.manifest()[weights.default_name()]
    assert weights.resolve("default") == weights.resolve(record.name) == record.path
    assert record.bytes == record.path.stat().st_size <= 50e6
    assert record.training
    assert record.terms
    assert record.accuracy["f1"] > 0.79


def test_weights_for_measuring_are_there_in_a_checkout_only(copied: Path) -> None:
    name = "east_resnet50_800"
    assert name not in weights.manifest()
    with pytest.raises(WeightsError, match="no weights named 'east_resnet50_800'"):
        weights.resolve(name)
    shutil.copy(ROOT / "weights" / f"{name}.npz", copied.parent)
    assert weights.resolve(name) == copied.parent / f"{name}.npz"


@pytest.mark.parametrize("damage", ["truncated", "altered"])
def test_damaged_file_is_refused_by_name_with_both_hashes(copied: Path, damage: str) -> None:
    content = bytearray(copied.read_bytes())
    recorded = sha256_file(copied)
    if damage == "truncated":
        del content[-1000:]
    else:
        content[len(content) // 2] ^= 1
    copied.write_bytes(content)
    with pytest.raises(DamagedFileError) as refused:
        weights.resolve("default")
    message = str(refused.value)
    assert all(part in message for part in ("east_resnet50", str(copied), recorded, sha256_file(copied)))
    assert "\n" not in message


def test_missing_bundle_is_refused(copied: Path) -> None:
    copied.unlink()
    with pytest.raises(DamagedFileError, match="No such file"):
        weights.resolve("default")


def test_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(WeightsError, match="did you mean 'east_resnet50'"):
        weights.resolve("east_resnet5")


def test_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.pb"
    path.write_bytes(b"")
    assert weights.resolve(path) == path


def test_imported_weights_are_listed_and_equal_to_their_source(user: Path, tmp_path: Path) -> None:
    variables = read_variables(weights.resolve("default"))
    variables["feature_fusion/Conv_7/biases"] = np.array([0.25], np.float32)
    source = tmp_path / "mine.npz"
    np.savez(source, **variables)
    imported = weights.import_weights(source, "mine", training="by hand")
    record = weights.manifest()["mine"]
    assert record == imported
    assert record.path == user / "mine.npz"
    assert record.training == "by hand"
    assert read_variables(weights.resolve("mine"))["feature_fusion/Conv_7/biases"] == 0.25
    with pytest.raises(WeightsError, match="are there already"):
        weights.import_weights(source, "mine")
    assert weights.import_weights(source, "mine", replace=True).name == "mine"
    assert [name for name in weights.manifest() if name == "mine"] == ["mine"]


def test_imports_at_once_are_all_kept(user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = weights._read_manifest

    def read_slowly(folder: Path) -> dict[str, Any]:
        content = read(folder)
        time.sleep(0.1)
        return content

    monkeypatch.setattr(weights, "_read_manifest", read_slowly)
    monkeypatch.setattr(weights, "read_variables", lambda _: {"a": np.zeros(1, np.float32)})
    names = ["one", "two", "three"]
    threads = [Thread(target=weights.import_weights, args=(tmp_path, name)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(names) < set(weights.manifest())


@pytest.mark.parametrize("content", ["[]", '{"weights": 5}', '{"weights": [{"name": "mine"}]}', '{"weights"'])
def test_a_manifest_that_is_none_is_named(user: Path, content: str) -> None:
    user.mkdir()
    (user / "manifest.json").write_text(content)
    with pytest.raises(WeightsError, match=rf"cannot read the weights manifest {user}/manifest\.json"):
        weights.manifest()


@pytest.mark.parametrize("name", ["default", "../escape", "", "a b"])
def test_unusable_names_are_refused(user: Path, name: str) -> None:
    with pytest.raises(WeightsError, match="cannot name weights"):
        weights.import_weights(weights.resolve("default"), name)


def test_bundled_name_cannot_be_replaced(user: Path) -> None:
    with pytest.raises(WeightsError, match="choose another name"):
        weights.import_weights(weights.resolve("default"), "east_resnet50", replace=True)


def test_foreign_checkpoint_is_refused_and_leaves_nothing(user: Path, tmp_path: Path) -> None:
    source = tmp_path / "other.npz"
    np.savez(source, kernel=np.zeros(3))
    with pytest.raises(CheckpointError):
        weights.import_weights(source, "other")
    assert not user.exists() or not any(user.iterdir())
