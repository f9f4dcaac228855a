"""Simplifying small graphs: what folds, what stays, what is refused; always the same maps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.errors import EastError, GraphError
from east.frameworks import tensorflow
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel
from tests.support.graphs import run, v1, write_graph

tf = tensorflow()

RNG = np.random.default_rng(20)
IMAGE = RNG.integers(0, 256, (2, 6, 8, 3)).astype(np.float32)


def normal(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(size=shape).astype(np.float32)


def heads(x: Any) -> tuple[Any, Any]:
    """Maps of one and of five channels from any tensor."""
    channels = int(x.shape[3])
    return tf.sigmoid(conv(x, channels, 1, 1)), conv(x, channels, 5, 1)


def conv(x: Any, channels_in: int, channels_out: int, size: int = 3, **options: Any) -> Any:
    return v1.nn.conv2d(x, normal(size, size, channels_in, channels_out), strides=1, padding="SAME", **options)


def check(path: Path, network: Callable[[Any], tuple[Any, Any]], **placeholder: Any) -> FrozenModel:
    """Freezes ``network`` and compares the maps of both graphs."""
    original = write_graph(path, network, **placeholder)
    frozen = freeze(path, input_dtype="float32")
    images = IMAGE.astype(placeholder.get("dtype", tf.float32).as_numpy_dtype)
    for maps, expected in zip(run(frozen, images), original(images), strict=True):
        np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-3)
    return frozen


def multiply(x: Any, c: NDArray[np.float32]) -> Any:
    return x * c


def multiply_by(x: Any, c: NDArray[np.float32]) -> Any:
    return c * x


def add(x: Any, c: NDArray[np.float32]) -> Any:
    return tf.raw_ops.Add(x=x, y=c)


def subtract(x: Any, c: NDArray[np.float32]) -> Any:
    return x - c


def subtract_from(x: Any, c: NDArray[np.float32]) -> Any:
    return c - x


def divide(x: Any, c: NDArray[np.float32]) -> Any:
    return x / (np.abs(c) + 0.5)


def add_bias(x: Any, c: NDArray[np.float32]) -> Any:
    return tf.nn.bias_add(x, np.broadcast_to(c, 4).copy())


def batch_norm(x: Any, c: NDArray[np.float32]) -> Any:
    c = np.broadcast_to(c, 4).copy()
    return v1.nn.fused_batch_norm(x, c, c + 1, c - 1, np.abs(c) + 0.1, epsilon=1e-3, is_training=False)[0]


def batch_norm_spelled_out(x: Any, c: NDArray[np.float32]) -> Any:
    c = np.broadcast_to(c, 4).copy()
    mean, variance, beta, gamma = (tf.constant(v) for v in (c - 1, np.abs(c) + 0.1, c + 1, c))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


def pass_on(x: Any, _: NDArray[np.float32]) -> Any:
    return tf.stop_gradient(tf.identity(x))


AFFINE = [
    multiply,
    multiply_by,
    add,
    subtract,
    subtract_from,
    divide,
    add_bias,
    batch_norm,
    batch_norm_spelled_out,
    pass_on,
]
SHAPES = [(), (1,), (4,)]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(AFFINE), st.sampled_from(SHAPES)), max_size=5), st.data())
def test_any_chain_of_scales_and_shifts_folds_into_the_convolution(
    tmp_path: Path, chain: list[tuple[Callable[..., Any], tuple[int, ...]]], data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    constants = np.random.default_rng(seed)

    def network(images: Any) -> tuple[Any, Any]:
        x = conv(images / 255, 3, 4)
        for operation, shape in chain:
            x = operation(x, constants.normal(size=shape).astype(np.float32))
        return heads(tf.nn.relu(x))

    frozen = check(tmp_path / "graph.pb", network)
    assert set(frozen.operations) <= {"Placeholder", "Const", "Conv2D", "BiasAdd", "Relu", "Sigmoid"}
    assert frozen.operations["Conv2D"] == 3


def test_constants_of_rank_4_fold_too(tmp_path: Path) -> None:
    frozen = check(tmp_path / "graph.pb", lambda images: heads(conv(images, 3, 4) * normal(1, 1, 1, 4)))
    assert "Mul" not in frozen.operations


def test_a_mask_over_pixels_is_no_scale(tmp_path: Path) -> None:
    frozen = check(tmp_path / "graph.pb", lambda images: heads(conv(images, 3, 4) * normal(6, 8, 1)))
    assert frozen.operations["Mul"] == 1


def test_a_convolution_used_twice_keeps_both_uses(tmp_path: Path) -> None:
    def network(images: Any) -> tuple[Any, Any]:
        x = conv(images, 3, 4)
        return heads(tf.nn.relu(x * 2) + tf.nn.relu(x + 1))

    assert "Mul" not in check(tmp_path / "graph.pb", network).operations


def test_mean_subtraction_channel_by_channel_becomes_one_subtraction(tmp_path: Path) -> None:
    def network(images: Any) -> tuple[Any, Any]:
        channels = tf.split(images, 3, axis=3)
        return heads(tf.concat([c - mean for c, mean in zip(channels, (3.0, 2.0, 1.0), strict=True)], -1))

    operations = check(tmp_path / "graph.pb", network).operations
    assert operations["Sub"] == 1
    assert "Split" not in operations


def test_channels_put_together_in_another_order_stay_split(tmp_path: Path) -> None:
    def network(images: Any) -> tuple[Any, Any]:
        red, green, blue = tf.split(images, 3, axis=3)
        return heads(tf.concat([blue - 3.0, green, red - 1.0], 3))

    operations = check(tmp_path / "graph.pb", network).operations
    assert operations["Split"] == 1
    assert operations["Sub"] == 2


def test_a_graph_of_bytes_is_cast_once(tmp_path: Path) -> None:
    frozen = check(tmp_path / "graph.pb", lambda images: heads(tf.cast(images, tf.float32) - 3.0), dtype=tf.uint8)
    assert "Cast" not in frozen.operations
    assert freeze(tmp_path / "graph.pb", input_dtype="uint8").operations["Cast"] == 1


def test_half_precision_constants_become_single(tmp_path: Path) -> None:
    def network(images: Any) -> tuple[Any, Any]:
        weights = tf.cast(tf.constant(normal(1, 1, 3, 4).astype(np.float16)), tf.float32)
        return heads(tf.nn.conv2d(images, weights, 1, "SAME"))

    assert "Cast" not in check(tmp_path / "graph.pb", network).operations


def test_padding_with_zeros_is_plain_padding(tmp_path: Path) -> None:
    def pad(images: Any, fill: float) -> Any:
        return tf.raw_ops.PadV2(input=images, paddings=[[0, 0], [1, 1], [2, 2], [0, 0]], constant_values=fill)

    assert "Pad" in check(tmp_path / "zeros.pb", lambda images: heads(pad(images, 0.0))).operations
    assert "PadV2" in check(tmp_path / "ones.pb", lambda images: heads(pad(images, 1.0))).operations


def test_other_operations_of_inference_stay(tmp_path: Path) -> None:
    def network(images: Any) -> tuple[Any, Any]:
        x = tf.nn.depthwise_conv2d(tf.nn.relu6(conv(images, 3, 4)), normal(3, 3, 4, 1), [1, 1, 1, 1], "SAME")
        x = batch_norm(x, normal(4))
        parts = tf.split(x, [1, 3], axis=3)
        return heads(x * tf.reduce_mean(parts[1], [1, 2, 3], keepdims=True))

    operations = check(tmp_path / "graph.pb", network).operations
    assert {"DepthwiseConv2dNative", "Relu6", "SplitV", "Mean"} <= set(operations)
    assert not [op for op in operations if op.startswith("FusedBatchNorm")]


def test_the_size_of_the_placeholder_is_kept(tmp_path: Path) -> None:
    frozen = check(tmp_path / "graph.pb", heads, shape=[2, 6, 8, 3])
    shape = next(n for n in frozen.graph_def.node if n.op == "Placeholder").attr["shape"].shape
    assert [dim.size for dim in shape.dim] == [-1, 6, 8, 3]


def test_freezing_twice_changes_nothing(tmp_path: Path) -> None:
    once = check(tmp_path / "graph.pb", lambda images: heads(batch_norm(conv(images - 3.0, 3, 4), normal(4))))
    once.save(tmp_path / "once.pb")
    twice = freeze(tmp_path / "once.pb", input_dtype="float32")
    nodes = [
        {node.name: node.SerializeToString(deterministic=True) for node in m.graph_def.node} for m in (once, twice)
    ]
    for by_name in nodes:
        del by_name["input_images"]  # the saved one carries the hash of the weights
    assert nodes[0] == nodes[1]


def average_over_the_batch(images: Any) -> Any:
    return images - tf.reduce_mean(images, [0, 1, 2], keepdims=True)


def batch_norm_in_training(images: Any) -> Any:
    return v1.nn.fused_batch_norm(images, np.ones(3, np.float32), np.zeros(3, np.float32), is_training=True)[0]


def dropout(images: Any) -> Any:
    return v1.nn.dropout(images, rate=0.5)


def mode_switch(images: Any) -> Any:
    return images * tf.cast(v1.placeholder(tf.bool, [], name="is_training"), tf.float32)


def loop(images: Any) -> Any:
    return v1.while_loop(lambda x: tf.reduce_sum(x) < 9, lambda x: [x + 1], [images])


def channels_first(images: Any) -> Any:
    x = tf.transpose(images, [0, 3, 1, 2])
    return tf.transpose(conv(x, 3, 4, data_format="NCHW"), [0, 2, 3, 1])


def unset_variable(images: Any) -> Any:
    return images + v1.get_variable("offset", [3], use_resource=False)


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        (average_over_the_batch, "'Mean' reduces over the batch: the graph is in training mode"),
        (batch_norm_in_training, "'FusedBatchNormV3' is in training mode, and there is no moving_mean for it"),
        (dropout, "RandomUniform .* is left in the graph"),
        (mode_switch, "Placeholder 'is_training' is left in the graph"),
        (channels_first, "'Conv2D' has its channels first"),
        (unset_variable, "graph.pb: 1 of 1 variables do not fit: offset is missing"),
    ],
)
def test_what_inference_cannot_use_is_named(tmp_path: Path, operation: Callable[[Any], Any], complaint: str) -> None:
    write_graph(tmp_path / "graph.pb", lambda images: heads(operation(images)))
    with pytest.raises(EastError, match=complaint) as error:
        freeze(tmp_path / "graph.pb")
    assert "\n" not in str(error.value)


def test_a_loop_is_refused(tmp_path: Path) -> None:
    with tf.Graph().as_default():
        v1.disable_control_flow_v2()
        try:
            write_graph(tmp_path / "graph.pb", lambda images: heads(loop(images)))
        finally:
            v1.enable_control_flow_v2()
    with pytest.raises(GraphError, match="has a loop at"):
        freeze(tmp_path / "graph.pb")


def test_quad_geometry_is_refused(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", lambda images: (conv(images, 3, 1), conv(images, 3, 8)))
    with pytest.raises(GraphError, match=r"concat_3 should have 5 channels, and its shape is \(None, None, None, 8\)"):
        freeze(tmp_path / "graph.pb")


def test_maps_are_nodes_of_their_own(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", lambda images: tuple(tf.split(conv(images, 3, 6), [1, 5], axis=3)))
    with pytest.raises(GraphError, match="two nodes with one output each, not split, split:1"):
        freeze(tmp_path / "graph.pb")


def test_a_graph_with_a_hole_is_refused(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", lambda images: heads(tf.nn.relu(images, name="gone")))
    graph_def = v1.GraphDef.FromString((tmp_path / "graph.pb").read_bytes())
    del graph_def.node[[node.name for node in graph_def.node].index("gone")]
    (tmp_path / "graph.pb").write_bytes(graph_def.SerializeToString())
    with pytest.raises(GraphError, match="refers to a node 'gone' that it does not have"):
        freeze(tmp_path / "graph.pb")


@pytest.mark.parametrize("kind", [tf.float16, tf.bfloat16, tf.float64])
def test_a_network_of_another_precision_is_frozen_in_single(kind: Any, tmp_path: Path) -> None:
    weights = normal(3, 3, 3, 4)

    def network(x: Any) -> tuple[Any, Any]:
        y = v1.nn.conv2d(tf.cast(x, kind), tf.cast(tf.constant(weights), kind), strides=1, padding="SAME")
        return heads(tf.cast(tf.nn.relu(y + tf.constant(0.5, kind)), tf.float32) / 100)

    original = write_graph(tmp_path / "graph.pb", network)
    frozen = freeze(tmp_path / "graph.pb", input_dtype="float32")
    types = {attribute.type for node in frozen.graph_def.node for attribute in node.attr.values() if attribute.type}
    assert types <= {tf.float32.as_datatype_enum, tf.int32.as_datatype_enum}
    assert not [node.name for node in frozen.graph_def.node if node.op == "Cast"]
    within = 0.05 if kind == tf.bfloat16 else 0.01
    for maps, expected in zip(run(frozen, IMAGE), original(IMAGE), strict=True):
        np.testing.assert_allclose(maps, expected, rtol=within, atol=within)


@pytest.mark.parametrize("operation", ["QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3"])
def test_a_graph_in_8_bits_is_refused(operation: str, tmp_path: Path) -> None:
    quantize = getattr(tf.raw_ops, operation)
    more = {"num_bits": 8} if operation.endswith("3") else {}

    def network(x: Any) -> tuple[Any, Any]:
        return heads(quantize(input=x, input_min=0.0, input_max=255.0, range_given=True, **more))

    write_graph(tmp_path / "graph.pb", network)
    with pytest.raises(GraphError, match=f"graph.pb is in 8 bits .{operation} .*: give the weights that it was made"):
        freeze(tmp_path / "graph.pb")
