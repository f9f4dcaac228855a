"""8-bit ranges written into a graph: quantize-and-dequantize operations around its convolutions, and corrected biases.

Such a graph is INT8 for every runtime: TensorFlow simulates it, the others take the ranges and compute in 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CalibrationError, ConversionError
from ...model.frozen import FrozenModel
from ...model.graphdef import GraphDef, dtype_number, tensor_of
from ...model.ranges import Ranges
from .half_precision import heads
from .late_upsampling import upsample_late

OPERATION = "QuantizeAndDequantizeV2"
PER_CHANNEL = "QuantizeAndDequantizeV3"
"""The same with ranges along an axis, which TensorFlow's V2 does not take; its bits are an input."""

OPERATIONS = frozenset([OPERATION, PER_CHANNEL])
BITS = 8
LEVELS = 127
"""Of a symmetric range, to either side of zero."""

_SAME_VALUES = frozenset(["Cast", "MaxPool", "Pad"])  # every value that comes out has gone in, or is zero
_SAME_MEAN = frozenset(["AddV2", "ResizeBilinear"])


@dataclass(frozen=True)
class Quantizable:
    """What can be computed in 8 bits.

    Attributes:
        weights: the constant of each convolution, by its name; of all but the last convolutions before the outputs,
            which eight bits cannot hold: distances up to 512 pixels, which share a tensor with the angle.
        activations: the tensors that these take, and shortcuts that join what they give; for each the node whose range
            it has, which may lie before a padding or a pooling.
        biases: the constant that is added, sooner or later, to what a convolution gives; not all have one.
    """

    weights: Mapping[str, str]
    activations: Mapping[str, str]
    biases: Mapping[str, str]


def quantizable(graph: FrozenModel) -> Quantizable:
    """What can be quantized in the graph that `upsample_late` makes. Raises `ConversionError` if nothing can."""
    nodes = {node.name: node for node in graph.graph_def.node}
    kept = heads(graph, nodes)[0]
    weights = {
        node.name: node.input[1]
        for node in graph.graph_def.node
        if node.op == "Conv2D"
        and node.name not in kept
        and nodes[node.input[1]].op == "Const"
        and node.input[0] in nodes
    }
    if not weights:
        raise ConversionError("no convolution of this graph can be quantized to 8 bits: use FP32 or FP16")
    added = {name for node in nodes.values() if node.op == "AddV2" for name in node.input}
    taken = {nodes[name].input[0] for name in weights}
    shortcuts = {name for name in added if name in nodes and nodes[name].op in ("Relu", "MaxPool")}
    origins = {name: _origin(name, nodes) for name in taken}
    measured = set(origins.values())
    origins |= {name: origin for name in shortcuts if (origin := _origin(name, nodes)) in measured}
    consumers: dict[str, list[Any]] = {}
    for node in nodes.values():
        for name in node.input:
            consumers.setdefault(name, []).append(node)
    biases = {name: bias for name in weights if (bias := _bias(name, consumers, nodes)) is not None}
    return Quantizable(weights, origins, biases)


def quantized(frozen: FrozenModel, ranges: Ranges, *, per_channel: bool = True, signed: bool = True) -> FrozenModel:
    """Writes ranges into the graph that `upsample_late` makes of a frozen one.

    Each tensor that is quantized gets constants ``NAME/low`` and ``NAME/high``, and a ``QuantizeAndDequantizeV2``
    named ``NAME/quantized`` that those who compute in 8 bits take in its place. Weights are symmetric; with a range
    for each channel theirs is a ``QuantizeAndDequantizeV3``.

    Args:
        frozen: as `freeze` gives it.
        ranges: of these weights.
        per_channel: each output channel's weights have a range of their own, along axis 3, and biases make up for
            their rounding; otherwise a constant has one range, and biases stay as they were.
        signed: ranges of activations are symmetric, from -127 to 127; otherwise those of activations that are never
            negative go from 0 to 255.

    Raises:
        CalibrationError: the ranges are not of this graph.
        ConversionError: nothing in it can be quantized.
    """
    graph = upsample_late(frozen)
    found = quantizable(graph)
    _check(graph, found, ranges)
    constants = set(found.weights.values())
    corrected = ranges.biases if per_channel else {}
    replaced = {(name, i) for name in found.weights for i in range(2)}
    replaced |= {
        (node.name, i)
        for node in graph.graph_def.node
        if node.op == "AddV2"
        for i, name in enumerate(node.input)
        if name in found.activations
    }
    rewritten = GraphDef(versions=graph.graph_def.versions)
    for node in graph.graph_def.node:
        copy = rewritten.node.add()
        copy.CopyFrom(node)
        for i, name in enumerate(node.input):
            if (node.name, i) in replaced:
                copy.input[i] = f"{name}/quantized"
        if node.name in corrected and node.op == "Const":
            copy.attr["value"].tensor.CopyFrom(tensor_of(corrected[node.name]))
        if node.name in constants:
            peaks = ranges.peaks[node.name]
            _quantize(rewritten, node.name, *_symmetric(peaks if per_channel else peaks.max()))
        elif node.name in found.activations:
            low, high = ranges.activations[found.activations[node.name]]
            if low < 0 or signed:
                low, high = _symmetric(np.float32(max(-low, high)))
            _quantize(rewritten, node.name, low, high)
    return replace(graph, graph_def=rewritten)


def rounded(weights: NDArray[np.float32], peaks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weights ``(..., C)`` as 8 bits hold them, with the largest magnitudes ``(C,)`` of their channels."""
    scale = _symmetric(peaks)[1] / np.float32(LEVELS)
    return np.asarray(np.clip(np.rint(weights / scale), -LEVELS, LEVELS) * scale, np.float32)


def _symmetric(peak: Any) -> tuple[Any, Any]:
    """A range around zero; that of zeros alone may be any."""
    peak = np.where(peak > 0, peak, np.float32(1)).astype(np.float32)
    return -peak, peak


def _origin(name: str, nodes: Mapping[str, Any]) -> str:
    while nodes[name].op in _SAME_VALUES and nodes[name].input[0] in nodes:
        name = nodes[name].input[0]
    return name


def _bias(name: str, consumers: Mapping[str, list[Any]], nodes: Mapping[str, Any]) -> str | None:
    while len(found := consumers.get(name, [])) == 1:
        [node] = found
        if node.op == "BiasAdd" and nodes[node.input[1]].op == "Const" and len(consumers[node.input[1]]) == 1:
            return str(node.input[1])
        if node.op not in _SAME_MEAN:
            return None
        name = node.name
    return None


def _check(graph: FrozenModel, found: Quantizable, ranges: Ranges) -> None:
    """Raises `CalibrationError` unless there are ranges for all that can be quantized, of the right shapes."""
    nodes = {node.name: node for node in graph.graph_def.node}

    def channels(name: str) -> int:
        return int(nodes[name].attr["value"].tensor.tensor_shape.dim[-1].size)

    wrong = [name for name in found.activations.values() if name not in ranges.activations]
    wrong += [n for n in found.weights.values() if n not in ranges.peaks or np.shape(ranges.peaks[n]) != (channels(n),)]
    wrong += [n for n, bias in ranges.biases.items() if n not in nodes or np.shape(bias) != (channels(n),)]
    if wrong:
        raise CalibrationError(
            f"these ranges are of another network: none that fits {wrong[0]!r}; measure them with 'east calibrate'"
        )


def _quantize(graph_def: Any, name: str, low: Any, high: Any) -> None:
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    for suffix, value in (("low", low), ("high", high)):
        _constant(graph_def, f"{name}/{suffix}", value)
    node = graph_def.node.add(name=f"{name}/quantized", op=OPERATION, input=[name, f"{name}/low", f"{name}/high"])
    if high.ndim:
        _constant(graph_def, f"{name}/bits", np.array(BITS, np.int32))
        node.op = PER_CHANNEL
        node.input.append(f"{name}/bits")
        node.attr["axis"].i = 3
    else:
        node.attr["num_bits"].i = BITS
        node.attr["round_mode"].s = b"HALF_TO_EVEN"
    node.attr["T"].type = dtype_number(np.float32)
    symmetric = bool((low < 0).all())
    for attribute, flag in (("signed_input", symmetric), ("range_given", True), ("narrow_range", symmetric)):
        node.attr[attribute].b = flag


def _constant(graph_def: Any, name: str, value: NDArray[Any]) -> None:
    node = graph_def.node.add(name=name, op="Const")
    node.attr["dtype"].type = dtype_number(value.dtype)
    node.attr["value"].tensor.CopyFrom(tensor_of(value))
