from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import CalibrationError
from east.model.ranges import Ranges, Rule
from east.types import Size

RANGES = Ranges(
    activations={"a/Relu": (0.0, 3.5), "image": (-123.68, 151.06)},
    peaks={"a/weights": np.array([0.5, 0.25], np.float32)},
    biases={"a/biases": np.array([1, -1], np.float32)},
    weights_sha256="ab" * 32,
    images=(("img_1.jpg", "cd" * 32), ("größe.jpg", "ef" * 32)),
    size=Size(672, 1280),
    rule=Rule("largest", 2),
)


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    RANGES.save(tmp_path / "w.ranges.npz")
    found = Ranges.load(tmp_path / "w.ranges.npz")
    assert list(found.activations) == list(RANGES.activations)
    np.testing.assert_allclose(list(found.activations.values()), list(RANGES.activations.values()), rtol=1e-6)
    for wanted, here in ((RANGES.peaks, found.peaks), (RANGES.biases, found.biases)):
        assert {name: array.tolist() for name, array in here.items()} == {k: v.tolist() for k, v in wanted.items()}
    for name in ("weights_sha256", "images", "size", "rule", "sha256"):
        assert getattr(found, name) == getattr(RANGES, name)
    assert str(found) == "ranges of 2 images at 672x1280, rule largest 2"


def test_the_hash_is_of_what_changes_a_graph(tmp_path: Path) -> None:
    assert replace(RANGES, images=(), weights_sha256="").sha256 == RANGES.sha256
    changes: tuple[dict[str, Any], ...] = (
        {"activations": {"a/Relu": (0.0, 3.25), "image": (-123.68, 151.06)}},
        {"activations": {"b/Relu": (0.0, 3.5), "image": (-123.68, 151.06)}},
        {"peaks": {"a/weights": np.array([0.5, 0.5], np.float32)}},
        {"biases": {}},
    )
    for change in changes:
        assert replace(RANGES, **change).sha256 != RANGES.sha256


def altered(content: bytes, member: str, data: bytes) -> bytes:
    """The archive with other data in one of its files."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(made, "w") as after:
        for name in before.namelist():
            after.writestr(name, data if name == member else before.read(name))
    return made.getvalue()


def saved(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: b"no archive" * 100,
        lambda content: altered(content, "peaks/a/weights.npy", saved(np.array([0.5, 0.75], np.float32))),
        lambda content: altered(content, "peaks/a/weights.npy", saved(np.array(["text"]))),
        lambda content: altered(content, "activations.npy", saved(np.zeros((3, 2), np.float32))),
        lambda content: altered(content, "header.npy", saved(np.frombuffer(b'{"format": 1}', np.uint8))),
        lambda content: altered(content, "header.npy", saved(np.frombuffer(b"[]", np.uint8))),
    ],
)
def test_damage_is_told_in_one_line(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "w.ranges.npz"
    RANGES.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CalibrationError, match=r"w\.ranges\.npz is damaged or no record of ranges: .*'east calibrate'"):
        Ranges.load(path)


def test_a_bundle_of_weights_is_no_record(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", weights=np.zeros(3))
    with pytest.raises(CalibrationError, match="no record of ranges"):
        Ranges.load(tmp_path / "w.npz")
    with pytest.raises(CalibrationError, match=r"cannot read the ranges .*nowhere\.npz: No such file"):
        Ranges.load(tmp_path / "nowhere.npz")
