from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import CalibrationError
from east.model.frozen import FrozenModel
from east.model.graphdef import array_of
from east.model.ranges import Ranges
from east.model.source import ModelSource
from east.options import Calibration
from east.runtimes.conversion.known_ranges import find_ranges
from east.runtimes.rewrites.explicit_ranges import OPERATION, OPERATIONS, PER_CHANNEL, quantized, rounded
from east.types import Maps
from tests.support.maps import run_graph

HEADS = {f"feature_fusion/Conv_{n}/Conv2D" for n in (7, 8, 9)}


@pytest.fixture(scope="module")
def ranges(source: ModelSource) -> Ranges:
    return find_ranges(source, Calibration())


def nodes_of(frozen: FrozenModel) -> dict[str, Any]:
    return {node.name: node for node in frozen.graph_def.node}


def value(nodes: dict[str, Any], name: str) -> NDArray[Any]:
    return array_of(nodes[name].attr["value"].tensor)


@pytest.mark.parametrize("signed", [True, False])
def test_explicit_ranges_surround_all_but_the_last_convolutions(
    frozen: FrozenModel, ranges: Ranges, photographs: NDArray[np.uint8], wanted: Maps, signed: bool
) -> None:
    graph = quantized(frozen, ranges, signed=signed)
    nodes = nodes_of(graph)
    convolutions = [node for node in nodes.values() if node.op == "Conv2D"]
    assert {c.name for c in convolutions if any(nodes[name].op not in OPERATIONS for name in c.input)} == HEADS
    assert {c.name for c in convolutions if all(nodes[name].op not in OPERATIONS for name in c.input)} == HEADS
    found = run_graph(graph, photographs)
    on_text = wanted.score > 0.8
    assert np.abs(found.score - wanted.score).max() > 0
    assert np.mean((found.score > 0.5)[on_text]) > 0.95
    assert np.median(np.abs(found.geometry - wanted.geometry)[on_text][:, :4]) < 2


def test_weights_have_a_symmetric_range_for_each_output_channel(frozen: FrozenModel, ranges: Ranges) -> None:
    nodes = nodes_of(quantized(frozen, ranges))
    name = "resnet_v1_50/block1/unit_1/bottleneck_v1/conv2/weights"
    node = nodes[f"{name}/quantized"]
    assert (node.op, node.attr["axis"].i, node.attr["narrow_range"].b) == (PER_CHANNEL, 3, True)
    np.testing.assert_array_equal(value(nodes, f"{name}/high"), np.abs(value(nodes, name)).max((0, 1, 2)))
    np.testing.assert_array_equal(value(nodes, f"{name}/low"), -value(nodes, f"{name}/high"))


def test_weights_may_have_one_range_and_biases_as_they_were(frozen: FrozenModel, ranges: Ranges) -> None:
    before, nodes = nodes_of(frozen), nodes_of(quantized(frozen, ranges, per_channel=False))
    name = "resnet_v1_50/block1/unit_1/bottleneck_v1/conv2/weights"
    assert value(nodes, f"{name}/high") == np.abs(value(nodes, name)).max()
    assert nodes[f"{name}/quantized"].op == OPERATION
    for bias in ranges.biases:
        np.testing.assert_array_equal(value(nodes, bias), value(before, bias))


def test_a_tensor_that_is_never_negative_may_have_all_levels_above_zero(frozen: FrozenModel, ranges: Ranges) -> None:
    name, image = "resnet_v1_50/conv1/Relu", "resnet_v1_50/conv1/Pad"
    low, high = ranges.activations[name]
    assert low == 0 < high
    pooled = "resnet_v1_50/pool1/MaxPool2d"
    for signed, lowest in ((True, -high), (False, 0)):
        nodes = nodes_of(quantized(frozen, ranges, signed=signed))
        assert value(nodes, f"{pooled}/low") == pytest.approx(lowest)
        assert value(nodes, f"{pooled}/high") == pytest.approx(high)
        assert nodes[f"{pooled}/quantized"].attr["signed_input"].b is signed
        assert value(nodes, f"{image}/low") == -value(nodes, f"{image}/high") < 0


def test_ranges_of_another_network_are_refused(frozen: FrozenModel, ranges: Ranges) -> None:
    name = "feature_fusion/Conv_1/weights"
    other = replace(ranges, peaks={**ranges.peaks, name: np.ones(3, np.float32)})
    with pytest.raises(CalibrationError, match=rf"another network: none that fits '{name}'.*'east calibrate'"):
        quantized(frozen, other)


def test_rounding_keeps_zeros_and_peaks() -> None:
    weights = np.array([[0, 0], [1, 0], [-0.5, 0]], np.float32)
    found = rounded(weights, np.array([1, 0], np.float32))
    np.testing.assert_allclose(found[:2], weights[:2], atol=1e-7)
    assert found[2, 0] == pytest.approx(-64 / 127)
