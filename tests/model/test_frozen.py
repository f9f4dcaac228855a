"""A frozen model on disk, and in the hands of other libraries."""

from __future__ import annotations

import resource
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import GraphError, WeightsError
from east.frameworks import openvino
from east.model.frozen import FrozenModel
from east.types import Maps
from tests.support.graphs import assert_same_maps, run, write_graph


@pytest.fixture(scope="module")
def saved(frozen_float: FrozenModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "folder" / "east.pb"
    frozen_float.save(path)
    return path


@pytest.fixture(scope="module")
def picture() -> NDArray[np.float32]:
    """Noise with some structure, of a size that divides into odd maps: float32 RGB (1, 96, 160, 3)."""
    coarse = np.random.default_rng(3).integers(0, 256, (6, 10, 3)).astype(np.uint8)
    return cv2.resize(coarse, (160, 96), interpolation=cv2.INTER_CUBIC)[np.newaxis].astype(np.float32)


@pytest.fixture(scope="module")
def expected(frozen_float: FrozenModel, picture: NDArray[np.float32]) -> Maps:
    return run(frozen_float, picture)


def test_opencv_loads_it(saved: Path, frozen_float: FrozenModel, picture: NDArray[np.float32], expected: Maps) -> None:
    network = cv2.dnn.readNet(str(saved))
    network.setInput(cv2.dnn.blobFromImage(picture[0]))
    outputs = network.forward([frozen_float.score_name, frozen_float.geometry_name])
    score, geometry = (np.asarray(output, np.float32).transpose(0, 2, 3, 1) for output in outputs)
    assert_same_maps(Maps(score, geometry), expected)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_openvino_loads_it(
    dtype: str,
    saved: Path,
    frozen: FrozenModel,
    tmp_path: Path,
    picture: NDArray[np.float32],
    expected: Maps,
) -> None:
    if dtype == "uint8":
        saved = tmp_path / "bytes.pb"
        frozen.save(saved)
    model = openvino().convert_model(saved)
    compiled = openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = compiled(picture.astype(dtype))
    assert_same_maps(Maps(found[f"{frozen.score_name}:0"], found[f"{frozen.geometry_name}:0"]), expected)


def test_loading_gives_back_what_was_saved(saved: Path, frozen_float: FrozenModel) -> None:
    loaded = FrozenModel.load(saved)
    assert loaded.operations == frozen_float.operations
    assert loaded.input_dtype == "float32"
    assert loaded.weights_sha256 == frozen_float.weights_sha256
    assert (loaded.input_name, loaded.score_name, loaded.geometry_name) == (
        frozen_float.input_name,
        frozen_float.score_name,
        frozen_float.geometry_name,
    )


def test_loading_something_else_is_refused(saved: Path, tmp_path: Path) -> None:
    truncated = tmp_path / "truncated.pb"
    truncated.write_bytes(saved.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match=r"truncated\.pb is damaged"):
        FrozenModel.load(truncated)
    (tmp_path / "empty.pb").touch()
    with pytest.raises(WeightsError, match=r"empty\.pb has no graph"):
        FrozenModel.load(tmp_path / "empty.pb")
    with pytest.raises(WeightsError, match=r"cannot read .*absent\.pb: No such file"):
        FrozenModel.load(tmp_path / "absent.pb")
    write_graph(tmp_path / "other.pb", lambda images: (images, images), name="pictures")
    with pytest.raises(GraphError, match=r"other\.pb has no node 'input_images': freeze it first"):
        FrozenModel.load(tmp_path / "other.pb")


def test_a_disk_that_fills_up_leaves_what_was_there(frozen: FrozenModel, tmp_path: Path) -> None:
    path = tmp_path / "east.pb"
    path.write_bytes(b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            frozen.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ["east.pb"]
    assert path.read_bytes() == b"before"
