"""Frozen graphs as OpenVINO's, by its own front end, and their ranges in them."""

from __future__ import annotations

import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ConversionError
from ...frameworks import openvino
from ...model.frozen import FrozenModel
from ...model.graphdef import GraphDef, array_of, extract_subgraph
from ..rewrites.explicit_ranges import LEVELS, OPERATIONS

_SAME_VALUES = frozenset(["MaxPool", "Pad", "Transpose"])


def openvino_model(frozen: FrozenModel) -> Any:
    """An ``ov.Model`` of a frozen graph, from images to score and geometry; of one with ranges an 8-bit one.

    Raises `ConversionError` for ranges none of which has found its convolution.
    """
    graph, ranges = _without_ranges(frozen)
    model = _converted(graph)
    if ranges:
        _quantize(model, graph, ranges)
    return model


def convolutions(model: Any, frozen: FrozenModel) -> dict[str, Any]:
    """The convolutions of an `openvino_model` by their names in the graph, known by their weights.

    OpenVINO changes the layout of a graph, and loses most names over that.
    """
    nodes = {node.name: node for node in frozen.graph_def.node}
    known: dict[bytes, list[str]] = {}
    for node in frozen.graph_def.node:
        if node.op == "Conv2D" and nodes[node.input[1]].op == "Const":
            weights = array_of(nodes[node.input[1]].attr["value"].tensor).transpose(3, 2, 0, 1)
            known.setdefault(_identity(weights), []).append(node.name)
    found: dict[str, Any] = {}
    for operation in model.get_ordered_ops():
        if operation.get_type_name() == "Convolution":
            constant = operation.input_value(1).get_node()
            names = known.get(_identity(constant.data)) if constant.get_type_name() == "Constant" else None
            if names:
                found[names.pop(0)] = operation
    return found


def _identity(weights: NDArray[Any]) -> bytes:
    return str(weights.shape).encode() + np.ascontiguousarray(weights, np.float32).tobytes()


def _converted(frozen: FrozenModel) -> Any:
    ov = openvino()
    with tempfile.TemporaryDirectory(prefix="east-") as folder:
        path = Path(folder, "frozen.pb")
        frozen.save(path)
        with redirect_stdout(sys.stderr):  # where a --verbose of any command line makes OpenVINO print what it does
            model = ov.convert_model(path)
    outputs = [model.output(f"{name}:0") for name in (frozen.score_name, frozen.geometry_name)]
    return ov.Model(outputs, model.get_parameters(), "east")


def _without_ranges(frozen: FrozenModel) -> tuple[FrozenModel, dict[str, tuple[NDArray[Any], NDArray[Any]]]]:
    """The graph as it was, and low and high of each tensor that had ranges."""
    nodes = {node.name: node for node in frozen.graph_def.node}
    quantized = {name: node for name, node in nodes.items() if node.op in OPERATIONS}
    ranges = {}
    for node in quantized.values():
        low, high = (array_of(nodes[name].attr["value"].tensor) for name in node.input[1:3])
        ranges[str(node.input[0])] = low, high
    plain = GraphDef(versions=frozen.graph_def.versions)
    for node in frozen.graph_def.node:
        if node.name not in quantized:
            copy = plain.node.add()
            copy.CopyFrom(node)
            copy.input[:] = [quantized[name].input[0] if name in quantized else name for name in node.input]
    plain = extract_subgraph(plain, [frozen.score_name, frozen.geometry_name])
    return replace(frozen, graph_def=plain), ranges


def _quantize(model: Any, graph: FrozenModel, ranges: dict[str, tuple[NDArray[Any], NDArray[Any]]]) -> None:
    nodes = {node.name: node for node in graph.graph_def.node}
    by_name = convolutions(model, graph)
    mine = {name: op for name, op in by_name.items() if nodes[name].input[1] in ranges}
    if not mine:
        raise ConversionError("OpenVINO has none of the convolutions that there are ranges for: use FP32")
    in_float = {op.get_friendly_name() for name, op in by_name.items() if name not in mine}
    done: set[tuple[str, int]] = set()
    for name, convolution in mine.items():
        taken, constant = nodes[name].input[:2]
        _quantize_weights(convolution, ranges[constant][1])
        origin = _origin(convolution)
        place = origin.get_node().get_friendly_name(), origin.get_index()
        if taken in ranges and place not in done:
            done.add(place)
            _quantize_activation(origin, *ranges[taken], in_float)


def _quantize_weights(convolution: Any, high: NDArray[np.float32]) -> None:
    """Puts 8-bit numbers and their scale in the place of the constant."""
    ops = openvino().opset13
    constant = convolution.input_value(1).get_node().data
    scale = np.float32(high.reshape(-1, 1, 1, 1) / np.float32(LEVELS))
    levels = np.clip(np.rint(constant / scale), -LEVELS, LEVELS).astype(np.int8)
    scaled = ops.multiply(ops.convert(ops.constant(levels), np.float32), ops.constant(scale))
    convolution.input(1).replace_source_output(scaled.output(0))


def _quantize_activation(output: Any, low: NDArray[Any], high: NDArray[Any], in_float: set[str]) -> None:
    ops = openvino().opset13
    consumers = [to for to in output.get_target_inputs() if _computes(to.get_node(), in_float)]
    levels = 2 * LEVELS + (1 if low < 0 else 2)
    bounds = [ops.constant(np.float32(bound)) for bound in (low, high, low, high)]
    fake = ops.fake_quantize(output, *bounds, levels)
    for consumer in consumers:
        consumer.replace_source_output(fake.output(0))


def _computes(operation: Any, in_float: set[str]) -> bool:
    kind = operation.get_type_name()
    return kind in _SAME_VALUES or (kind in ("Add", "Convolution") and operation.get_friendly_name() not in in_float)


def _origin(convolution: Any) -> Any:
    """The output before whatever keeps values as they are; quantized there, poolings run in 8 bits too."""
    output = convolution.input_value(0)
    while output.get_node().get_type_name() in _SAME_VALUES:
        output = output.get_node().input_value(0)
    return output
