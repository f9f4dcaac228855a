from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import ConversionError
from east.frameworks import tensorflow
from east.model.frozen import FrozenModel
from east.runtimes.rewrites.half_precision import to_half
from east.runtimes.rewrites.late_upsampling import upsample_late
from east.runtimes.rewrites.quantize_dequantize import with_ranges
from east.types import Maps
from tests.support.maps import differences, run_graph


@pytest.fixture(scope="module")
def wanted(frozen: FrozenModel, photographs: NDArray[np.uint8]) -> Maps:
    maps = run_graph(frozen, photographs)
    assert (maps.score > 0.8).sum() > 100
    return maps


def types(frozen: FrozenModel, operation: str) -> Counter[str]:
    tf = tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(frozen.graph_def, name="")
    return Counter(op.outputs[0].dtype.name for op in graph.get_operations() if op.type == operation)


def test_late_upsampling_gives_the_same_maps(frozen: FrozenModel, photographs: NDArray[np.uint8], wanted: Maps) -> None:
    late = upsample_late(frozen)
    assert late.operations["ConcatV2"] == 1
    assert late.operations["Conv2D"] == frozen.operations["Conv2D"] + 3
    score, distances, angle = differences(run_graph(late, photographs), wanted)
    assert score < 1e-4
    assert distances < 1e-2
    assert angle < 1e-4


def test_late_upsampling_leaves_the_original_alone(frozen: FrozenModel) -> None:
    before = frozen.graph_def.SerializeToString(deterministic=True)
    upsample_late(frozen)
    to_half(frozen)
    assert frozen.graph_def.SerializeToString(deterministic=True) == before


def test_half_precision_holds_all_convolutions_and_no_sigmoid(frozen: FrozenModel) -> None:
    half = to_half(upsample_late(frozen))
    assert types(half, "Conv2D") == {"float16": 66}
    assert types(half, "Relu") == {"float16": 56}
    assert types(half, "Sigmoid") == {"float32": 3}
    assert types(half, "Sub") == {"float32": 2}
    assert half.graph_def.ByteSize() < 0.51 * frozen.graph_def.ByteSize()


def test_half_precision_gives_nearly_the_same_maps(
    frozen: FrozenModel, photographs: NDArray[np.uint8], wanted: Maps
) -> None:
    found = run_graph(to_half(frozen), photographs)
    assert found.score.dtype == found.geometry.dtype == np.float32
    score, distances, angle = differences(found, wanted)
    assert 0 < score < 0.02
    assert distances < 0.5
    assert angle < 0.01


def test_half_precision_refuses_what_it_cannot_hold(frozen: FrozenModel) -> None:
    tf = tensorflow()
    graph_def = type(frozen.graph_def)()
    graph_def.CopyFrom(frozen.graph_def)
    (weights,) = (node for node in graph_def.node if node.name == "feature_fusion/Conv_6/weights")
    values = np.array(tf.make_ndarray(weights.attr["value"].tensor))
    values[0, 0, 0, 0] = 1e5
    weights.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
    with pytest.raises(ConversionError, match=r"'feature_fusion/Conv_6/weights' reaches 1e\+05, half precision 65,504"):
        to_half(replace(frozen, graph_def=graph_def))


def test_explicit_ranges_surround_all_but_the_last_convolutions(
    frozen: FrozenModel, photographs: NDArray[np.uint8], wanted: Maps
) -> None:
    quantized = with_ranges(frozen, [photographs[:1], photographs[1:]])
    nodes: dict[str, Any] = {node.name: node for node in quantized.graph_def.node}
    bare = {
        node.name
        for node in nodes.values()
        if node.op == "Conv2D" and any(nodes[name].op != "QuantizeAndDequantizeV2" for name in node.input)
    }
    assert bare == {f"feature_fusion/Conv_{n}/Conv2D" for n in (7, 8, 9)}
    found = run_graph(quantized, photographs)
    on_text = wanted.score > 0.8
    assert np.abs(found.score - wanted.score).max() > 0
    assert np.mean((found.score > 0.5)[on_text]) > 0.95
    assert np.median(np.abs(found.geometry - wanted.geometry)[on_text][:, :4]) < 2


def test_ranges_are_means_over_images_of_the_largest_magnitude(
    frozen: FrozenModel, photographs: NDArray[np.uint8]
) -> None:
    from east.runtimes.rewrites.quantize_dequantize import measured

    name = "resnet_v1_50/conv1/Relu"
    dark, light = np.zeros_like(photographs[:1]), np.full_like(photographs[:1], 255)
    alone = [measured(frozen, [name], [image])[name] for image in (dark, light)]
    assert alone[0] != alone[1]
    assert measured(frozen, [name], [dark, light])[name] == pytest.approx(np.mean(alone), rel=1e-5)
