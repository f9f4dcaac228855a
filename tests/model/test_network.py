"""The network under TensorFlow: its names, wiring, precision and training settings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.errors import CheckpointError
from east.frameworks import keras, tensorflow
from east.model.architecture import variable_shapes
from east.model.checkpoint import Variables
from east.model.network import Upsample, assign, build_network, upsample, variables_by_name
from east.types import Maps
from tests.support.graphs import assert_same_maps

tf = tensorflow()


def test_variables_are_those_of_the_architecture() -> None:
    network = build_network()
    shapes = {name: tuple(variable.shape) for name, variable in variables_by_name(network).items()}
    assert shapes == variable_shapes()


def test_maps_are_those_of_the_original_code(variables: Variables, images: NDArray[np.uint8], slim_maps: Maps) -> None:
    network = build_network()
    assign(network, variables)
    maps = Maps(*(np.asarray(output) for output in network(images.astype(np.float32), training=False)))
    assert_same_maps(maps, slim_maps)
    assert maps.score.max() > 0.9


def test_maps_are_float32_at_stride_4_whatever_the_policy() -> None:
    network = build_network(dtype="mixed_bfloat16")
    score, geometry = network(np.zeros((2, 32, 64, 3), np.float32), training=False)
    assert (score.shape, geometry.shape) == ((2, 8, 16, 1), (2, 8, 16, 5))
    assert score.dtype == geometry.dtype == tf.float32
    convolution = network.get_layer("resnet_v1_50.block4.unit_1.bottleneck_v1.conv2")
    assert (convolution.compute_dtype, convolution.variable_dtype) == ("bfloat16", "float32")


def test_training_moves_averages_by_the_momentum() -> None:
    network = build_network(batch_norm_momentum=0.75)
    mean = variables_by_name(network)["resnet_v1_50/conv1/BatchNorm/moving_mean"]
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    network(images, training=True)
    once = np.array(mean)
    assert np.abs(once).max() > 0
    network(images, training=True)
    np.testing.assert_allclose(mean, once * 1.75, rtol=1e-4)


def test_batch_norm_can_be_kept_from_training() -> None:
    network = build_network(trainable_batch_norm=False)
    variables = variables_by_name(network)
    mean = variables["resnet_v1_50/conv1/BatchNorm/moving_mean"]
    network(np.full((1, 32, 32, 3), 200, np.float32), training=True)
    assert not np.any(mean)
    assert not variables["resnet_v1_50/conv1/BatchNorm/gamma"].trainable
    assert variables["resnet_v1_50/conv1/weights"].trainable


@given(
    st.tuples(*(st.integers(1, high) for high in (2, 6, 6, 3))),
    st.integers(0, 2**32 - 1),
)
def test_upsampling_in_neutral_operations_is_resize_bilinear(shape: tuple[int, int, int, int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    expected = tf.raw_ops.ResizeBilinear(images=x, size=[2 * shape[1], 2 * shape[2]])
    np.testing.assert_allclose(upsample(keras().ops.convert_to_tensor(x)), expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(Upsample()(x), expected)


def test_assigning_names_what_does_not_fit_and_changes_nothing(variables: Variables) -> None:
    network = build_network()
    bias = variables_by_name(network)["feature_fusion/Conv_7/biases"]
    wrong = {**variables, "feature_fusion/Conv_9/biases": np.zeros(8, np.float32)}
    del wrong["resnet_v1_50/conv1/weights"]
    with pytest.raises(CheckpointError) as error:
        assign(network, wrong)
    assert "2 of 306" in str(error.value)
    assert "resnet_v1_50/conv1/weights is missing" in str(error.value)
    assert "feature_fusion/Conv_9/biases is (8,), not (1,)" in str(error.value)
    assert not np.any(bias)
