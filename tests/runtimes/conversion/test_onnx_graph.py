"""Frozen graphs in ONNX: valid, and the same maps as TensorFlow makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

from east.errors import ConversionError
from east.frameworks import onnxruntime, tensorflow
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel
from east.model.source import ModelSource
from east.options import Calibration
from east.runtimes.conversion.known_ranges import find_ranges
from east.runtimes.conversion.onnx_graph import to_onnx
from east.runtimes.rewrites.explicit_ranges import quantized
from east.runtimes.rewrites.half_precision import to_half
from east.runtimes.rewrites.late_upsampling import upsample_late
from east.types import Maps, Size
from tests.support.graphs import assert_same_maps, run, v1, write_graph
from tests.support.maps import differences, run_graph

tf = tensorflow()
RNG = np.random.default_rng(5)
Network = Callable[[Any], tuple[Any, Any]]


def run_onnx(model: ModelProto, images: NDArray[Any]) -> Maps:
    """The maps as ONNX Runtime computes them, node by node."""
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    score, geometry = session.run(
        ["feature_fusion/Conv_7/Sigmoid", "feature_fusion/concat_3"], {"input_images": images}
    )
    return Maps(score, geometry)


def operations(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def sides(value: Any) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def normal(*shape: int) -> NDArray[np.float32]:
    return RNG.normal(0, 0.2, shape).astype(np.float32)


def heads(x: Any) -> tuple[Any, Any]:
    channels = int(x.shape[3])
    score, geometry = (tf.nn.conv2d(x, normal(1, 1, channels, n), 1, "SAME") for n in (1, 5))
    return tf.sigmoid(score), geometry


def assert_exported(path: Path, network: Network, *shapes: tuple[int, ...], **placeholder: Any) -> ModelProto:
    """Exports ``network``, and compares its maps with those of the graph as it was written."""
    original = write_graph(path, network, **placeholder)
    model = to_onnx(freeze(path, input_dtype="float32"))
    for shape in shapes:
        images = RNG.uniform(-1, 1, shape).astype(np.float32)
        for found, wanted in zip(run_onnx(model, images), original(images), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    return model


def test_fp32_is_tensorflow_s_with_nothing_left_to_work_out(frozen: FrozenModel) -> None:
    model = to_onnx(upsample_late(frozen))
    onnx.checker.check_model(model, full_check=True)
    assert operations(model) == {
        "Conv": 66,
        "Relu": 56,
        "Add": 19,
        "MaxPool": 4,
        "Transpose": 3,
        "Resize": 3,
        "Sigmoid": 3,
        "Sub": 2,
        "Mul": 2,
        "Cast": 1,
        "Concat": 1,
    }
    assert [one.name for one in model.graph.input] == ["input_images"]
    assert sides(model.graph.input[0]) == ["batch", "height", "width", 3]
    assert [sides(one)[3] for one in model.graph.output] == [1, 5]
    metadata = {one.key: one.value for one in model.metadata_props}
    assert metadata == {"weights_sha256": frozen.weights_sha256, "precision": "FP32"}
    for shape in ((3, 32, 160, 3), (1, 96, 64, 3)):
        images = RNG.integers(0, 256, shape).astype(np.uint8)
        assert_same_maps(run_onnx(model, images), run(frozen, images))


def test_a_graph_with_early_upsampling_goes_as_well(frozen: FrozenModel) -> None:
    images = RNG.integers(0, 256, (1, 64, 96, 3)).astype(np.uint8)
    model = to_onnx(frozen)
    assert operations(model)["Concat"] == 4
    assert_same_maps(run_onnx(model, images), run(frozen, images))


def test_one_size_and_one_batch_are_in_the_model(frozen: FrozenModel) -> None:
    model = to_onnx(frozen, Size(64, 96), 2)
    values = [*model.graph.input, *model.graph.output]
    assert [sides(value) for value in values] == [[2, 64, 96, 3], [2, 16, 24, 1], [2, 16, 24, 5]]
    images = RNG.integers(0, 256, (2, 64, 96, 3)).astype(np.uint8)
    assert_same_maps(run_onnx(model, images), run(frozen, images))


def test_fp16_has_heads_of_single_precision(frozen: FrozenModel, photographs: NDArray[np.uint8]) -> None:
    half = to_half(upsample_late(frozen))
    model = to_onnx(half)
    kinds = Counter(tensor.data_type for tensor in model.graph.initializer if len(tensor.dims) == 4)
    assert kinds == {onnx.TensorProto.FLOAT16: 66}
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    types = {one.name: one.type.tensor_type.elem_type for one in inferred.graph.value_info}
    assert {types[node.input[0]] for node in model.graph.node if node.op_type == "Sigmoid"} == {onnx.TensorProto.FLOAT}
    assert {types[node.output[0]] for node in model.graph.node if node.op_type == "Resize"} == {
        onnx.TensorProto.FLOAT16
    }
    assert operations(model)["Cast"] == 5  # images, and into and out of half precision
    score, distances, angle = differences(squeezed(run_onnx(model, photographs)), run_graph(half, photographs))
    assert score < 0.01
    assert distances < 0.5
    assert angle < 0.01


def test_int8_surrounds_all_convolutions_but_the_heads(
    source: ModelSource, frozen: FrozenModel, photographs: NDArray[np.uint8], wanted: Maps
) -> None:
    plain = wanted
    int8 = quantized(frozen, find_ranges(source, Calibration()))
    model = to_onnx(int8)
    nodes = {node.output[0]: node for node in model.graph.node}
    bare = {
        node.name
        for node in model.graph.node
        if node.op_type == "Conv"
        and any(name not in nodes or nodes[name].op_type != "DequantizeLinear" for name in node.input[:2])
    }
    assert bare == {f"feature_fusion/Conv_{n}/Conv2D" for n in (7, 8, 9)}
    assert {one.value for one in model.metadata_props} >= {"INT8"}
    assert model.ByteSize() < 0.26 * frozen.graph_def.ByteSize()
    found, wanted = squeezed(run_onnx(model, photographs)), run_graph(int8, photographs)
    # a sum next to the middle of two numbers may go to either
    assert np.abs(found.score - plain.score).mean() < 1.25 * np.abs(wanted.score - plain.score).mean()
    on_text = wanted.score > 0.8
    assert np.mean((found.score > 0.5)[on_text]) > 0.98
    assert np.median(np.abs(found.geometry - wanted.geometry)[on_text]) < 0.5


def squeezed(maps: Maps) -> Maps:
    return Maps(maps.score[..., 0], maps.geometry)


def quantize(x: Any, low: Any, high: Any, *, narrow: bool, axis: int = -1) -> Any:
    return tf.raw_ops.QuantizeAndDequantizeV3(
        input=x, input_min=low, input_max=high, num_bits=8, range_given=True, narrow_range=narrow, axis=axis
    )


@pytest.mark.parametrize("channels", [False, True], ids=["per tensor", "per channel"])
@pytest.mark.parametrize("narrow", [False, True])
def test_quantized_numbers_are_tensorflow_s(channels: bool, narrow: bool, tmp_path: Path) -> None:
    weights = normal(3, 3, 3, 6)
    peak = np.abs(weights).max(axis=(0, 1, 2) if channels else None).astype(np.float32)

    def network(images: Any) -> tuple[Any, Any]:
        kernel = quantize(weights, -peak, peak, narrow=True, axis=3 if channels else -1)
        x = tf.pad(images, [[0, 0], [1, 1], [1, 1], [0, 0]])
        x = tf.raw_ops.QuantizeAndDequantizeV2(
            input=x, input_min=-1.0, input_max=1.0, range_given=True, narrow_range=narrow
        )
        x = tf.nn.relu(tf.nn.conv2d(x, kernel, 2, "VALID"))
        x = tf.raw_ops.QuantizeAndDequantizeV2(
            input=x, input_min=0.0, input_max=0.9, range_given=True, signed_input=False
        )
        return heads(x)

    write_graph(tmp_path / "graph.pb", network)
    frozen = FrozenModel.load(tmp_path / "graph.pb")
    model = to_onnx(frozen)
    images = RNG.uniform(-1, 1.2, (2, 32, 64, 3)).astype(np.float32)  # of ONNX's numbers none is left out below
    for found, wanted in zip(run_onnx(model, images), run(frozen, images), strict=True):
        differs = np.abs(found - wanted) > 1e-5  # by one step, where a sum is as near to one number as to the next
        assert differs.mean() < 1e-3
        assert np.abs(found - wanted).max() < 0.01
    [kernel] = (numpy_helper.to_array(t) for t in model.graph.initializer if t.name.endswith("/int8"))
    assert (kernel.dtype, kernel.shape, kernel.min() >= -127) == (np.int8, (6, 3, 3, 3), True)
    assert operations(model)["Pad"] == 0


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize(("window", "stride"), [(1, 2), (2, 2), (3, 2), (3, 1), (5, 4), (2, 1), (7, 2)])
def test_windows_are_padded_as_in_tensorflow_at_every_size(
    window: int, stride: int, padding: str, tmp_path: Path
) -> None:
    weights = normal(window, window, 3, 4)

    def network(images: Any) -> tuple[Any, Any]:
        pooled = tf.nn.max_pool2d(images, window, stride, padding)
        averaged = tf.nn.avg_pool2d(images, window, stride, padding)
        convolved = tf.nn.conv2d(images, weights, stride, padding)
        return heads(tf.concat([pooled, averaged, convolved], 3))

    shapes = [(1, side, 192 - side, 3) for side in range(32, 161, 32)]
    model = assert_exported(tmp_path / "graph.pb", network, *shapes)
    pads = [attribute for node in model.graph.node for attribute in node.attribute if attribute.name == "auto_pad"]
    assert pads == []


def test_doubling_is_tensorflow_s_up_to_the_last_row_at_every_size(tmp_path: Path) -> None:
    def network(images: Any) -> tuple[Any, Any]:
        pooled = tf.nn.max_pool2d(images, 2, 2, "SAME")
        size = tf.shape(pooled)
        listed = v1.image.resize_bilinear(pooled, [size[1] * 2, 2 * size[2]])
        whole = v1.image.resize_bilinear(pooled, tf.shape(images)[1:3])
        nearest = v1.image.resize_nearest_neighbor(pooled, tf.shape(pooled)[1:3] * 2)
        return heads(tf.concat([listed, whole, nearest], 3))

    shapes = [(2, side, 192 - side, 3) for side in range(32, 161, 32)]
    model = assert_exported(tmp_path / "graph.pb", network, *shapes)
    assert operations(model)["Resize"] == 3
    assert operations(model)["Shape"] == 0


def test_a_graph_of_one_size_may_name_its_sizes(tmp_path: Path) -> None:
    def network(images: Any) -> tuple[Any, Any]:
        return heads(v1.image.resize_bilinear(tf.nn.avg_pool2d(images, 4, 4, "SAME"), [14, 26]))

    model = assert_exported(tmp_path / "graph.pb", network, (1, 27, 51, 3), shape=[None, 27, 51, 3])
    assert sides(model.graph.input[0]) == ["batch", 27, 51, 3]
    assert sides(model.graph.output[0]) == ["batch", 14, 26, 1]


def test_other_operations_that_networks_of_this_kind_have(tmp_path: Path) -> None:
    depthwise, bias = normal(3, 3, 6, 2), normal(12)

    def network(images: Any) -> tuple[Any, Any]:
        x = tf.nn.relu6(tf.nn.conv2d(images * 3.0, normal(3, 3, 3, 6), 1, "SAME", dilations=2))
        x = tf.nn.depthwise_conv2d(x, depthwise, [1, 1, 1, 1], "SAME")
        x = tf.nn.leaky_relu(tf.nn.bias_add(x, bias), 0.1) / normal(12)
        x = tf.maximum(tf.nn.elu(tf.identity(x)) - normal(1, 1, 1, 12), 0.2 - x)
        x = tf.raw_ops.PadV2(input=x, paddings=[[0, 0], [1, 0], [0, 2], [0, 0]], constant_values=0.5)
        return heads(tf.tanh(x) * tf.sigmoid(x))

    assert_exported(tmp_path / "graph.pb", network, (2, 32, 64, 3))


@pytest.mark.parametrize("last", [tf.nn.relu, tf.identity])
def test_a_bias_goes_into_a_convolution_only_if_nobody_else_needs_that_bare(last: Any, tmp_path: Path) -> None:
    weights, bias = normal(1, 1, 3, 4), normal(4)

    def network(images: Any) -> tuple[Any, Any]:
        bare = tf.nn.conv2d(images, weights, 1, "SAME")
        alone = tf.nn.bias_add(tf.nn.conv2d(images, weights, 1, "SAME") + last(bare), bias)
        return heads(tf.concat([alone, tf.nn.bias_add(bare, bias), bare], 3))

    assert_exported(tmp_path / "graph.pb", network, (1, 32, 32, 3))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (lambda x: tf.cumsum(x, 1), r"Cumsum '.*' .*not supported"),
        (
            lambda x: v1.image.resize_bilinear(x, tf.shape(x)[1:3] * 3),
            r"cannot write ResizeBilinear '.*' to ONNX: only doubling",
        ),
        (
            lambda x: v1.image.resize_bilinear(x, tf.shape(x)[1:3] * 2, half_pixel_centers=True),
            "without half-pixel centres",
        ),
        (lambda x: tf.concat([x, x], 1), "ConcatV2 '.*' to ONNX: only channels"),
        (lambda x: tf.pad(x, [[0, 0], [0, 0], [0, 0], [1, 1]]), "only height and width can be padded"),
    ],
)
def test_what_is_not_supported_is_named(layer: Callable[[Any], Any], message: str, tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", lambda images: heads(layer(tf.nn.conv2d(images, normal(1, 1, 3, 4), 1, "SAME"))))
    frozen = freeze(tmp_path / "graph.pb")
    with pytest.raises(ConversionError, match=message) as raised:
        to_onnx(frozen)
    assert "\n" not in str(raised.value)


def test_another_size_than_the_graph_s_is_refused(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", heads, shape=[None, 64, None, 3])
    frozen = freeze(tmp_path / "graph.pb")
    with pytest.raises(ConversionError, match="takes images of 64xany only, not of 32x64"):
        to_onnx(frozen, Size(32, 64))
    assert sides(to_onnx(frozen, Size(64, 32)).graph.input[0]) == ["batch", 64, 32, 3]


def test_the_frozen_graph_stays_as_it_is(frozen: FrozenModel) -> None:
    before = frozen.graph_def.SerializeToString(deterministic=True)
    to_onnx(frozen)
    assert frozen.graph_def.SerializeToString(deterministic=True) == before
