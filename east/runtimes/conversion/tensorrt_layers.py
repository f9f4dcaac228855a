"""The layers of a TensorRT engine, as the builder lists them when it is done.

An engine tells its layers to an inspector, but only once it is loaded on a GPU. Its builder logs the same list, which
needs none.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

LAYERS: Final = "layers.json"
"""The file of an artifact that lists the layers of its engine."""

HEADING: Final = "Layers:\n"
"""What the builder's message with the list begins with."""

_LAYER = re.compile(
    r"Name: (?P<name>.*?), LayerType: (?P<kind>.*?), Inputs: \[(?P<inputs>.*?)\], Constants: \[(?P<constants>.*?)\], "
    r"Outputs: \[(?P<outputs>.*?)\], TacticName: (?P<tactic>.*?), StreamId: \d+, Metadata: (?P<metadata>.*)"
)
_TYPES: Final = {1: "Float", 10: "Half"}  # by ONNX's numbers
_TENSOR = re.compile(r"\{ Name: (.*?), Dimensions: .*?Datatype: (\w+)")
_NODE = re.compile(r"\[ONNX Layer: ([^\]]+)\]")


class EngineLayer(NamedTuple):
    """A layer of an engine: one kernel, of what may have been many nodes.

    Attributes:
        name: the builder's name of it.
        kind: ``correlation`` and ``gemm`` for convolutions, ``kgen`` for kernels that are generated, and others.
        inputs, outputs: data types of its tensors, such as ``Float``, ``Half``, ``Int8``.
        sources, targets: the names of these tensors.
        nodes: names of the ONNX nodes that became this layer.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    nodes: tuple[str, ...]


def read_layers(listing: str) -> tuple[EngineLayer, ...]:
    """The layers of the builder's message that begins with `HEADING`."""
    return tuple(_layer(one) for one in map(_LAYER.fullmatch, listing.splitlines()) if one is not None)


def _layer(found: re.Match[str]) -> EngineLayer:
    (sources, inputs), (targets, outputs) = (_tensors(found[side]) for side in ("inputs", "outputs"))
    nodes = tuple(_NODE.findall(found["metadata"]))
    return EngineLayer(found["name"], found["kind"], inputs, outputs, sources, targets, nodes)


def _tensors(listed: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and data types."""
    found = _TENSOR.findall(listed)
    return tuple(name for name, _ in found), tuple(kind for _, kind in found)


def save_layers(folder: Path, layers: Iterable[EngineLayer]) -> None:
    """Writes the list into the folder of a converted model."""
    text = json.dumps([layer._asdict() for layer in layers], indent=1)
    (folder / LAYERS).write_text(text + "\n", encoding="utf-8")


def load_layers(folder: Path) -> tuple[EngineLayer, ...]:
    """Reads what `save_layers` wrote."""
    listed = json.loads((folder / LAYERS).read_text(encoding="utf-8"))
    return tuple(EngineLayer(**{name: _tupled(value) for name, value in layer.items()}) for layer in listed)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def convolution_types(layers: Iterable[EngineLayer], convolutions: Iterable[str]) -> dict[str, str]:
    """What each of these ONNX nodes computes in: the data type of its layer's images, such as ``Int8``.

    A convolution that is fused with what comes before it belongs to that layer.
    """
    by_node = {node: layer for layer in layers for node in layer.nodes if layer.inputs and layer.kind != "kgen"}
    by_node |= {node: layer for layer in layers for node in layer.nodes if node not in by_node and layer.inputs}
    return {name: by_node[name].inputs[0] for name in convolutions if name in by_node}


def wanted_types(model: Any) -> dict[str, str]:
    """What each convolution of an ONNX model (a ModelProto) is to compute in, as `convolution_types` says it."""
    graph = model.graph
    producers = {name: node.op_type for node in graph.node for name in node.output}
    weights = {tensor.name: _TYPES.get(tensor.data_type, "Float") for tensor in graph.initializer}
    return {
        node.name: "Int8" if producers.get(node.input[1]) == "DequantizeLinear" else weights.get(node.input[1], "Float")
        for node in graph.node
        if node.op_type == "Conv"
    }


def count_kinds(layers: Iterable[EngineLayer]) -> dict[str, int]:
    """How many layers there are of each kind, by the data type that they compute in: ``correlation Int8``."""
    names = (f"{layer.kind} {layer.inputs[0]}" if layer.inputs else layer.kind for layer in layers)
    return dict(sorted(Counter(names).items()))
