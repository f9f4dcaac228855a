"""Explicit INT8 ranges: quantize-and-dequantize operations around the convolutions of a graph, for TensorRT."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frameworks import tensorflow
from ...model.frozen import FrozenModel
from ...model.graphdef import GraphDef, array_of, dtype_number, tensor_of
from ..conversion.frozen_graph import graph_function
from .half_precision import heads

_OPERATION = "QuantizeAndDequantizeV2"


def with_ranges(frozen: FrozenModel, images: Iterable[NDArray[np.uint8]]) -> FrozenModel:
    """Puts the 8-bit ranges of activations and weights into the graph; the last convolutions stay as they are.

    A tensor's range is symmetric, as wide as its largest magnitude in an image, averaged over the images; that of
    weights is their largest magnitude. ``images`` are batches of uint8 RGB ``(N, H, W, 3)``.
    """
    nodes = {node.name: node for node in frozen.graph_def.node}
    convolutions = {node.name for node in nodes.values() if node.op == "Conv2D"} - heads(frozen, nodes)[0]
    added = [name for node in nodes.values() if node.op == "AddV2" for name in node.input]
    shortcuts = {name for name in added if nodes[name].op in ("Relu", "MaxPool")}  # no convolution since the activation
    activations = {nodes[name].input[0] for name in convolutions} | shortcuts
    weights = {nodes[name].input[1] for name in convolutions}
    ranges = measured(frozen, sorted(activations), images)
    ranges |= {name: float(np.abs(array_of(nodes[name].attr["value"].tensor)).max()) for name in weights}
    quantized_inputs = {(name, 0) for name in convolutions} | {(name, 1) for name in convolutions}
    quantized_inputs |= {
        (node.name, i) for node in nodes.values() if node.op == "AddV2" for i, n in enumerate(node.input) if n in ranges
    }
    rewritten = GraphDef(versions=frozen.graph_def.versions)
    for node in frozen.graph_def.node:
        copy = rewritten.node.add()
        copy.CopyFrom(node)
        for i, name in enumerate(node.input):
            if (node.name, i) in quantized_inputs:
                copy.input[i] = f"{name}/quantized"
        if node.name in ranges:
            _quantize(rewritten, node.name, ranges[node.name])
    return replace(frozen, graph_def=rewritten)


def measured(frozen: FrozenModel, names: list[str], images: Iterable[NDArray[np.uint8]]) -> dict[str, float]:
    """The largest magnitude of each named tensor in an image, averaged over the images."""
    tf = tensorflow()
    run = graph_function(frozen, names)
    peaks = tf.function(
        lambda batch: [tf.reduce_max(tf.abs(tensor)) for tensor in run(batch)],
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8)],
    )
    each = [[float(peak) for peak in peaks(tf.constant(batch))] for batch in images]
    return dict(zip(names, np.mean(each, axis=0).tolist(), strict=True))


def _quantize(graph_def: Any, name: str, peak: float) -> None:
    for suffix, value in (("low", -peak), ("high", peak)):
        bound = graph_def.node.add(name=f"{name}/{suffix}", op="Const")
        bound.attr["dtype"].type = dtype_number(np.float32)
        bound.attr["value"].tensor.CopyFrom(tensor_of(np.array(value, np.float32)))
    node = graph_def.node.add(name=f"{name}/quantized", op=_OPERATION, input=[name, f"{name}/low", f"{name}/high"])
    node.attr["T"].type = dtype_number(np.float32)
    node.attr["num_bits"].i = 8
    for attribute in ("signed_input", "range_given", "narrow_range"):
        node.attr[attribute].b = True
