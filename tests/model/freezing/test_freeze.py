"""Freezing from every source: the same maps as the original code, from a graph with nothing left to convert."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import CheckpointError, GraphError, WeightsError
from east.files import sha256_file
from east.frameworks import tensorflow
from east.model.checkpoint import Variables, write_bundle, write_checkpoint
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel
from east.options import NodeNames
from east.types import Maps
from tests.support.graphs import assert_same_maps, run, v1
from tests.support.slim_east import average_saver, inference_graph, training_graph

tf = tensorflow()

CLEAN = {
    "AddV2": 16,
    "BiasAdd": 63,
    "ConcatV2": 4,
    "Conv2D": 63,
    "MaxPool": 4,
    "Mul": 5,
    "Pad": 4,
    "Placeholder": 1,
    "Relu": 56,
    "ResizeBilinear": 3,
    "Shape": 3,
    "Sigmoid": 3,
    "StridedSlice": 3,
    "Sub": 2,
}
SLIM = {**CLEAN, "Mul": 8, "Pack": 3, "Shape": 6, "StridedSlice": 6}  # each side of an upsampled map on its own

WithMeta = Callable[[AbstractContextManager[Any] | None], Path]


def operations(frozen: FrozenModel) -> dict[str, int]:
    return {op: count for op, count in frozen.operations.items() if op != "Const"}


@pytest.fixture(scope="module")
def session_exports(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    """A folder with ``frozen.pb`` and ``saved_model/``, as TensorFlow 1 code exports them."""
    folder = tmp_path_factory.mktemp("exports")
    with inference_graph() as (images, score, geometry), v1.Session() as session:
        average_saver().restore(session, str(checkpoint))
        outputs = [score.op.name, geometry.op.name]
        graph_def = v1.graph_util.convert_variables_to_constants(session, session.graph.as_graph_def(), outputs)
        (folder / "frozen.pb").write_bytes(graph_def.SerializeToString())
        v1.saved_model.simple_save(session, str(folder / "saved_model"), {"i": images}, {"s": score, "g": geometry})
    return folder


def test_the_bundle_freezes_to_a_clean_graph(frozen: FrozenModel, bundle: Path, maps: Maps, slim_maps: Maps) -> None:
    assert operations(frozen) == {**CLEAN, "Cast": 1}
    assert frozen.input_name == "input_images"
    assert frozen.score_name == "feature_fusion/Conv_7/Sigmoid"
    assert frozen.geometry_name == "feature_fusion/concat_3"
    assert frozen.weights_sha256 == sha256_file(bundle)
    names = {node.name for node in frozen.graph_def.node}
    assert {"resnet_v1_50/conv1/Conv2D", "feature_fusion/Conv_8/Conv2D", "feature_fusion/Conv_9/Sigmoid"} <= names
    assert not [name for name in names if name.startswith("east")]
    assert_same_maps(maps, slim_maps)


def test_float32_images_give_the_same_maps(
    frozen: FrozenModel, frozen_float: FrozenModel, images: NDArray[np.uint8], maps: Maps
) -> None:
    assert operations(frozen_float) == CLEAN
    assert frozen_float.weights_sha256 == frozen.weights_sha256
    for found, expected in zip(run(frozen_float, images), maps, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_training_graph_of_a_checkpoint(checkpoint: Path, images: NDArray[np.uint8], slim_maps: Maps) -> None:
    """Towers, losses, Adam, summaries and batch norm in training mode all go."""
    frozen = freeze(checkpoint.parent)
    assert operations(frozen) == {**SLIM, "Cast": 1}
    assert_same_maps(run(frozen, images), slim_maps)


def test_a_training_graph_with_batch_norm_spelled_out(
    with_meta: WithMeta, images: NDArray[np.uint8], slim_maps: Maps
) -> None:
    graph = training_graph(towers=1, averages=False, optimizer=False, batch_norm="decomposed")
    frozen = freeze(with_meta(graph))
    assert operations(frozen) == {**SLIM, "Cast": 1}
    assert_same_maps(run(frozen, images), slim_maps)


def test_a_checkpoint_without_meta_is_taken_for_the_network(
    with_meta: WithMeta, frozen: FrozenModel, images: NDArray[np.uint8], maps: Maps
) -> None:
    from_checkpoint = freeze(with_meta(None))
    assert operations(from_checkpoint) == operations(frozen)
    np.testing.assert_array_equal(run(from_checkpoint, images).geometry, maps.geometry)


def test_a_frozen_graph(session_exports: Path, images: NDArray[np.uint8], slim_maps: Maps) -> None:
    frozen = freeze(session_exports / "frozen.pb", input_dtype="float32")
    assert operations(frozen) == SLIM
    assert frozen.weights_sha256 == sha256_file(session_exports / "frozen.pb")
    assert_same_maps(run(frozen, images), slim_maps)


def test_a_saved_model_of_tensorflow_1(session_exports: Path, images: NDArray[np.uint8], slim_maps: Maps) -> None:
    frozen = freeze(session_exports / "saved_model", NodeNames(score="s"))
    assert operations(frozen) == {**SLIM, "Cast": 1}
    assert_same_maps(run(frozen, images), slim_maps)


class SmallNetwork(tf.Module):  # type: ignore[misc, name-defined]
    """Something with variables, maps of one and of five channels, and two signatures."""

    def __init__(self) -> None:
        super().__init__()
        constants = np.random.default_rng(5)
        self.weights = [tf.Variable(constants.normal(size=(3, 3, 3, c)), dtype=tf.float32) for c in (1, 5)]

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="photographs")])
    def detect(self, photographs: Any) -> dict[str, Any]:
        x = photographs / 255
        score, geometry = (tf.nn.conv2d(x, weights, 1, "SAME") for weights in self.weights)
        return {"geometry": geometry, "score": tf.sigmoid(score)}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32, name="photographs")])
    def shares(self, photographs: Any) -> dict[str, Any]:
        score = self.detect(photographs)["score"]
        return {"text": score, "background": 1 - score}


def test_a_saved_model_of_tensorflow_2_of_any_name(tmp_path: Path, images: NDArray[np.uint8]) -> None:
    folder = tmp_path / "a[1]*?"
    network = SmallNetwork()
    signatures = {"detect": network.detect, "shares": network.shares}
    tf.saved_model.save(network, str(folder), signatures)
    expected = network.detect(tf.constant(images, tf.float32))

    frozen = freeze(folder, signature="detect")

    assert operations(frozen) == {"Cast": 1, "Conv2D": 2, "Placeholder": 1, "Sigmoid": 1}
    assert_same_maps(run(frozen, images), Maps(expected["score"].numpy(), expected["geometry"].numpy()))
    with pytest.raises(GraphError, match=r"no signature 'serving_default'; it has: .*shares"):
        freeze(folder)
    with pytest.raises(GraphError, match=r"name the score: the signature has .*background \(1 channels\)"):
        freeze(folder, signature="shares")
    with pytest.raises(GraphError, match=r"has 'scores' for the score; the signature has .*score \(1 channels\)"):
        freeze(folder, NodeNames(score="scores"), signature="detect")


def test_wrong_names_are_answered_with_the_closest(checkpoint: Path, bundle: Path) -> None:
    with pytest.raises(
        GraphError, match=r"no node 'feature_fusion/Conv_7/Sigmoidal' .* the closest names are: .*Sigmoid"
    ):
        freeze(checkpoint, NodeNames(score="feature_fusion/Conv_7/Sigmoidal"))
    with pytest.raises(GraphError, match=r"no node 'photographs' for the input; its placeholders are: input_images,"):
        freeze(checkpoint, NodeNames(input="photographs"))
    with pytest.raises(GraphError, match=r"has no graph to find 'scores' in; its score is 'feature_fusion"):
        freeze(bundle, NodeNames(score="scores"))


def test_other_names_are_found_by_option(checkpoint: Path, images: NDArray[np.uint8], maps: Maps) -> None:
    names = NodeNames(
        input="input_images:0",
        score="model_1/feature_fusion/Conv_7/Sigmoid",
        geometry="model_1/feature_fusion/concat_3:0",
    )
    second_tower = freeze(checkpoint, names)
    assert_same_maps(run(second_tower, images), maps)


def test_a_graph_that_cannot_be_frozen_gives_way_to_the_network(
    with_meta: WithMeta, images: NDArray[np.uint8], maps: Maps, caplog: pytest.LogCaptureFixture
) -> None:
    prefix = with_meta(None)
    with tf.Graph().as_default():
        images_in = v1.placeholder(tf.float32, [None, None, None, 3], name="input_images")
        tf.random.uniform([1, 8, 8, 1], name="feature_fusion/Conv_7/Sigmoid")
        tf.identity(images_in, name="feature_fusion/concat_3")
        v1.train.export_meta_graph(f"{prefix}.meta")
    with caplog.at_level(logging.WARNING, "east"):
        found = run(freeze(prefix), images)
    assert "using the project's own network" in caplog.text
    assert_same_maps(found, maps)
    with pytest.raises(GraphError, match="RandomUniform"):
        freeze(prefix, NodeNames(score="feature_fusion/Conv_7/Sigmoid"))


def test_a_checkpoint_that_lacks_what_its_graph_needs(tmp_path: Path, variables: Variables) -> None:
    few = {name: array for name, array in variables.items() if not name.endswith("beta")}
    few["feature_fusion/Conv_7/biases"] = np.zeros(2, np.float32)
    write_checkpoint(tmp_path / "model", few)
    with inference_graph():
        v1.train.export_meta_graph(str(tmp_path / "model.meta"))
    with pytest.raises(CheckpointError, match="61 of 306 variables do not fit") as error:
        freeze(tmp_path / "model")
    assert str(tmp_path / "model") in str(error.value)


def test_variables_of_a_diverged_training_are_refused(tmp_path: Path, variables: Variables) -> None:
    write_bundle(
        tmp_path / "nan.npz", {**variables, "feature_fusion/Conv_3/BatchNorm/moving_variance": np.full(64, -1.0)}
    )
    with pytest.raises(CheckpointError, match="'feature_fusion/Conv_3' are not all finite"):
        freeze(tmp_path / "nan.npz")


@pytest.mark.parametrize("name", ["graph.pb", "model.meta", "saved/saved_model.pb"])
def test_a_damaged_graph_is_named(tmp_path: Path, name: str) -> None:
    write_checkpoint(tmp_path / "model", {})
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\x0a\xff not a graph")
    with pytest.raises(WeightsError) as error:
        freeze(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_input_type_is_refused(bundle: Path) -> None:
    with pytest.raises(ValueError, match="'uint8' or 'float32', got 'int8'"):
        freeze(bundle, input_dtype="int8")  # type: ignore[arg-type]
