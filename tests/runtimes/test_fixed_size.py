"""Graphs that were made for one size of images, in each runtime that a machine without a GPU can have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from east import DetectorOptions, GraphError, TextDetector
from east.model.freezing.freeze import freeze
from east.model.source import ModelSource
from east.runtimes import xla
from east.runtimes.base import size_of_all
from east.runtimes.tftrt import save_with_signature
from east.types import Size
from tests.support.graphs import tf, write_graph

SIZE = Size(64, 96)


def network(images: Any) -> tuple[Any, Any]:
    """Maps at stride 4 by way of stride 8, whose size is a constant where that of the images is."""
    rng = np.random.default_rng(7)
    weights = [rng.normal(0, 0.1, (3, 3, a, b)).astype(np.float32) for a, b in ((3, 8), (8, 1), (8, 5))]
    x = tf.nn.relu(tf.nn.conv2d(images / 255, weights[0], 8, "SAME"))
    x = tf.compat.v1.image.resize_bilinear(x, tf.shape(x)[1:3] * 2)
    return tf.sigmoid(tf.nn.conv2d(x, weights[1], 1, "SAME")), tf.nn.conv2d(x, weights[2], 1, "SAME")


@pytest.fixture
def graph(tmp_path: Path) -> Callable[..., Path]:
    """Writes the graph for images of a shape."""

    def write(*shape: int | None) -> Path:
        write_graph(tmp_path / "graph.pb", network, shape=shape)
        return tmp_path / "graph.pb"

    return write


@pytest.mark.parametrize(("runtime", "precision"), [("openvino", "FP32"), ("openvino", "INT8"), ("tensorflow", "FP32")])
def test_a_graph_of_one_size_runs_at_that_size(graph: Callable[..., Path], runtime: str, precision: str) -> None:
    path = graph(1, *SIZE, 3)
    pictures = np.zeros((2, 50, 70, 3), np.uint8)
    with TextDetector(path, runtime, precision) as detector:
        assert detector.options.input_size == SIZE
        detector.warm_up()
        found = [detector.detect(pictures[0]), *detector.detect_batch(pictures)]
        assert [(one.width, one.height) for one in found if not isinstance(one, Exception)] == [(70, 50)] * 3
        assert detector.runtime.infer(np.zeros((2, *SIZE, 3), np.uint8)).score.shape == (2, 16, 24)
    with TextDetector(path, runtime, precision, input_size=SIZE) as detector:
        assert detector.options.input_size == SIZE
    with pytest.raises(GraphError, match="images of 64x96 only, not of 96x96: give --input-size 64x96"):
        TextDetector(path, runtime, precision, input_size=(96, 96))


def test_xla_compiles_a_graph_for_its_size(graph: Callable[..., Path]) -> None:
    runtime = xla.load(ModelSource.find(graph(None, *SIZE, 3)), DetectorOptions(precision="FP32"))
    assert runtime.size == SIZE
    assert runtime.infer(np.zeros((1, *SIZE, 3), np.uint8)).score.shape == (1, 16, 24)
    runtime.close()


def test_what_tf_trt_converts_keeps_the_size(graph: Callable[..., Path], tmp_path: Path) -> None:
    frozen = freeze(graph(1, *SIZE, 3))
    save_with_signature(frozen, tmp_path / "saved")
    signature = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    assert signature.structured_input_signature[1]["images"].shape.as_list() == [None, *SIZE, 3]


@pytest.mark.parametrize("runtime", ["openvino", "tensorflow"])
def test_one_side_may_be_left_open(graph: Callable[..., Path], runtime: str) -> None:
    path = graph(None, 64, None, 3)
    with pytest.raises(GraphError, match="takes images of 64xWIDTH only: choose the other side by --input-size"):
        TextDetector(path, runtime)
    with TextDetector(path, runtime, input_size=(64, 128)) as detector:
        assert len(detector.detect(np.zeros((50, 70, 3), np.uint8))) == 0


def test_a_batch_of_one_is_no_limit(graph: Callable[..., Path]) -> None:
    with TextDetector(graph(1, None, None, 3)) as detector:
        assert detector.options.input_size is None
        assert detector.runtime.infer(np.zeros((3, 96, 64, 3), np.uint8)).score.shape == (3, 24, 16)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 64, 96, 4), r"takes \(1, 64, 96, 4\), and images are \(N, H, W, 3\)"),
        ((1, 3, 64, 96), r"takes \(1, 3, 64, 96\), and images are \(N, H, W, 3\)"),
    ],
)
def test_other_inputs_are_told_in_one_line(tmp_path: Path, shape: tuple[int, ...], message: str) -> None:
    def maps(images: Any) -> tuple[Any, Any]:
        flat = tf.reshape(images, [1, -1, 1, 1])
        return flat, tf.tile(flat, [1, 1, 1, 5])

    write_graph(tmp_path / "graph.pb", maps, shape=shape)
    with pytest.raises(GraphError, match=message):
        freeze(tmp_path / "graph.pb")


def test_a_graph_made_for_some_images_at_once_says_so(tmp_path: Path) -> None:
    def maps(images: Any) -> tuple[Any, Any]:
        flat = tf.reshape(images[..., :1], [2, 64, 96, 1])
        return flat, tf.tile(flat, [1, 1, 1, 5])

    write_graph(tmp_path / "graph.pb", maps, shape=(2, *SIZE, 3))
    with pytest.raises(GraphError, match="is made for 2 images at once: export the graph for any number of them"):
        freeze(tmp_path / "graph.pb")


def test_the_size_of_all_images() -> None:
    assert size_of_all((None, None), None) is None
    assert size_of_all((None, None), SIZE) == SIZE
    assert size_of_all((64, 96), None) == SIZE
    assert size_of_all((None, 96), SIZE) == SIZE
    with pytest.raises(GraphError, match="images of 100x96 only, and sides have to be multiples of 32"):
        size_of_all((100, 96), None)
