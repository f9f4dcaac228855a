from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from east.errors import CalibrationError, ConversionError
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel
from east.options import Calibration
from east.runtimes.conversion.calibration import find_images
from east.runtimes.conversion.measuring import RULE, measure
from east.runtimes.rewrites.explicit_ranges import rounded
from east.types import Size
from tests.support.graphs import tf, write_graph
from tests.support.small_network import RELU, arrays, write_small

SIZE = Size(32, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("images")
    draw = np.random.default_rng(1)
    for number in range(3):
        Image.fromarray(draw.integers(0, 80 * (number + 1), (32, 64, 3), np.uint8)).save(made / f"{number}.png")
    return made


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> FrozenModel:
    path = tmp_path_factory.mktemp("small") / "small.pb"
    write_small(path)
    return freeze(path)


def first_layer(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """What the first layer gives, by NumPy: stride 4, three by three, nothing padded at the top nor the left."""
    values = arrays()
    x = image.astype(np.float64)
    rows, columns = range(0, image.shape[0], 4), range(0, image.shape[1], 4)
    parts = [[x[row : row + 3, column : column + 3] for column in columns] for row in rows]
    products = np.einsum("rqijc,ijco->rqo", np.array(parts), values["first/weights"])
    return np.asarray(np.maximum(products + values["first/biases"], 0))


def test_ranges_and_biases_are_those_that_numpy_finds(small: FrozenModel, folder: Path) -> None:
    images = find_images(Calibration(folder, size=SIZE))
    found = measure(small, images, "ab" * 32)
    given = [image[0] for image in images.images()]
    layers = [first_layer(image) for image in given]
    low, high = found.activations[RELU]
    assert low == 0
    assert high == pytest.approx(np.mean([layer.max() for layer in layers]), rel=1e-5)
    values = arrays()
    for name in ("first", "second", "third"):
        weights = values[f"{name}/weights"]
        levels = 63 if name == "first" else 127  # of what an image is multiplied with
        np.testing.assert_allclose(found.peaks[f"{name}/weights"], 127 / levels * np.abs(weights).max((0, 1, 2)))
    weights = values["second/weights"]
    error = (weights - rounded(weights, np.abs(weights).max((0, 1, 2)))).sum((0, 1))
    wanted = values["second/biases"] + np.mean([layer.mean((0, 1)) for layer in layers], 0) @ error
    assert np.abs(wanted - values["second/biases"]).max() > 1e-4
    np.testing.assert_allclose(found.biases["second/biases"], wanted, atol=1e-6)
    assert set(found.biases) == {"first/biases", "second/biases", "third/biases"}
    assert (found.rule, found.size, found.weights_sha256) == (RULE, SIZE, "ab" * 32)
    assert found.images == images.files


def test_an_image_that_does_not_decode_is_named(small: FrozenModel, tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"no image")
    with pytest.raises(CalibrationError, match=r"cannot calibrate on .*1\.png"):
        measure(small, find_images(Calibration(tmp_path, size=SIZE)), "")


def test_a_graph_of_which_nothing_can_be_quantized_is_refused(folder: Path, tmp_path: Path) -> None:
    def heads_alone(images: object) -> tuple[object, object]:
        kernels = [tf.constant(np.full((4, 4, 3, channels), 0.001, np.float32)) for channels in (1, 5)]
        score, geometry = (tf.nn.conv2d(images, kernel, 4, "SAME") for kernel in kernels)
        return tf.sigmoid(score), tf.sigmoid(geometry)

    write_graph(tmp_path / "heads.pb", heads_alone)
    with pytest.raises(ConversionError, match="no convolution of this graph can be quantized"):
        measure(freeze(tmp_path / "heads.pb"), find_images(Calibration(folder, size=SIZE)), "")
