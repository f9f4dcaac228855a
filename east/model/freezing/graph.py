"""TensorFlow graphs as plain data: names, references, and a GraphDef under construction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError
from ...options import NodeNames
from ..frozen import GEOMETRY, INPUT, SCORE
from ..graphdef import PRODUCER, AttrValue, GraphDef, attribute_value, dtype_name

PASS_THROUGH = frozenset(
    ["Identity", "ReadVariableOp", "StopGradient", "PreventGradient", "CheckNumerics", "Snapshot", "EnsureShape"]
)


class Ref(NamedTuple):
    """An output of a node, written ``name`` or ``name:output`` in a GraphDef."""

    node: str
    output: int = 0

    @classmethod
    def parse(cls, text: str) -> Ref:
        name, _, output = text.partition(":")
        return cls(name, int(output or 0))

    def __str__(self) -> str:
        return f"{self.node}:{self.output}" if self.output else self.node


@dataclass(frozen=True)
class SourceGraph:
    """A graph to be frozen, with the tensors that matter in it.

    Attributes:
        nodes: its NodeDefs by name.
        image, score, geometry: float32 RGB 0..255, and what the network makes of it.
        variables: their values by name.
        tower: what the names of the network's nodes begin with, and shall not in the frozen graph.
        label: what to call the source in errors.
    """

    nodes: Mapping[str, Any]
    image: Ref
    score: Ref
    geometry: Ref
    variables: Mapping[str, NDArray[Any]]
    tower: str
    label: str


def named_graph(
    graph_def: Any, label: str, names: NodeNames, variables: Mapping[str, NDArray[np.float32]] | None = None
) -> SourceGraph:
    """The graph between the named nodes, the original EAST's where none is named; raises as `find_node` does."""
    if not isinstance(graph_def, GraphDef):  # TensorFlow's own
        graph_def = GraphDef.FromString(graph_def.SerializeToString())
    nodes = {node.name: node for node in graph_def.node}
    image = find_node(nodes, names.input or INPUT, "input")
    score = find_node(nodes, names.score or SCORE, "score")
    geometry = find_node(nodes, names.geometry or GEOMETRY, "geometry")
    tower = score.node.removesuffix(Ref.parse(names.score or SCORE).node)
    return SourceGraph(nodes, image, score, geometry, variables or {}, tower, label)


def find_node(nodes: Mapping[str, Any], name: str, role: str) -> Ref:
    """The output called ``name``, or the same name in the first of a training graph's towers (``model_0/…``).

    Raises `GraphError`, with the closest names in the graph, when there is no such node.
    """
    ref = Ref.parse(name)
    if ref.node in nodes:
        return ref
    in_towers = [node for node in nodes if node.endswith(f"/{ref.node}")]
    towers = {re.sub(r"\d+", "#", node) for node in in_towers}
    if len(towers) == 1:
        return Ref(in_towers[0], ref.output)
    if in_towers:
        raise GraphError(f"the graph has several nodes that could be the {role} {name!r}: {', '.join(in_towers)}")
    placeholders = [node.name for node in nodes.values() if node.op == "Placeholder"]
    near = placeholders if role == "input" else get_close_matches(ref.node, nodes, n=3, cutoff=0.4)
    kind = "its placeholders" if role == "input" else "the closest names"
    hint = f"{kind} are: {', '.join(near)}" if near else "nor one of a similar name"
    raise GraphError(f"the graph has no node {name!r} for the {role}; {hint}")


def origin(nodes: Mapping[str, Any], text: str, stops: Iterable[str] = ()) -> Ref:
    """What an input refers to once the nodes that only pass a value on are skipped; ``stops`` are kept."""
    ref = Ref.parse(text)
    while ref.node in nodes and nodes[ref.node].op in PASS_THROUGH and ref.node not in stops:
        ref = Ref.parse(nodes[ref.node].input[0])
    return ref


def attribute(node: Any, name: str) -> Any:
    """A node's attribute, empty when it is not set; reading ``node.attr[name]`` would set it."""
    return node.attr[name] if name in node.attr else AttrValue()


class GraphWriter:
    """A GraphDef under construction, float32 whatever it is told; only `finish` gives the ``reserved`` names."""

    def __init__(self, reserved: Sequence[str] = ()) -> None:
        self._graph_def = GraphDef()
        self._graph_def.versions.producer = PRODUCER
        self._taken = set(reserved)

    def add(self, op: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds a node, under a name made unique, which is returned."""
        unique, count = name, 0
        while unique in self._taken:
            count += 1
            unique = f"{name}_{count}"
        self._taken.add(unique)
        written = {name: _single(attribute_value(value)) for name, value in attributes.items()}
        self._graph_def.node.add(name=unique, op=op, input=inputs, attr=written)
        return unique

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Adds a constant; floating point becomes float32."""
        array = np.asarray(array, np.float32 if array.dtype.kind == "f" else None)
        return self.add("Const", name, [], dtype=array.dtype, value=array)

    def finish(self, renamed: Mapping[str, str]) -> Any:
        """The GraphDef, with some nodes renamed."""
        for node in self._graph_def.node:
            node.name = renamed.get(node.name, node.name)
            for position, text in enumerate(node.input):
                ref = Ref.parse(text)
                node.input[position] = str(ref._replace(node=renamed.get(ref.node, ref.node)))
        return self._graph_def


def _single(value: Any) -> Any:
    """An attribute, float32 where it names another type of floating point."""
    if value.WhichOneof("value") == "type" and "float" in dtype_name(value.type):
        return attribute_value(np.dtype(np.float32))
    return value
