"""Whether a graph that somebody brought is EAST's: plain operations, maps of one and of five channels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ...errors import GraphError
from ...extras import is_installed
from ...frameworks import tensorflow
from ..frozen import GEOMETRY, INPUT, SCORE, tensorflow_graph
from ..graphdef import array_of
from .graph import Ref

_CHANNELS = {SCORE: 1, GEOMETRY: 5}
_STATEFUL = re.compile(
    r"Var(iable|Handle)|Assign|Random|Uniform|Normal|Queue|Table|Iterator|Dataset|Reader|Print|PyFunc"
)
_KEEPS_CHANNELS = frozenset(
    ["AvgPool", "BiasAdd", "Cast", "Identity", "MaxPool", "Relu", "Relu6", "ResizeBilinear", "Sigmoid", "Tanh"]
)
_ELEMENTWISE = frozenset(["Add", "AddV2", "Maximum", "Minimum", "Mul", "RealDiv", "Sub"])


def check_graph(graph_def: Any) -> None:
    """Checks a simplified graph, by TensorFlow where that is installed, else by what the message itself says.

    Without TensorFlow the shapes that no convolution tells are left to the runtime.

    Raises:
        GraphError: something in it does not hold together or keeps state, or the maps are not EAST's.
    """
    if is_installed("tensorflow"):
        _check_by_tensorflow(graph_def)
    else:
        check_message(graph_def)


def check_message(graph_def: Any) -> None:
    """The checks that need no TensorFlow; raises `GraphError`."""
    nodes = {node.name: node for node in graph_def.node}
    for node in nodes.values():
        _check_operation(node.op, node.name, stateful=_STATEFUL.search(node.op) is not None)
    channels_of = _channels_of(nodes)
    for name, channels in _CHANNELS.items():
        found = channels_of(name)
        if found not in (None, channels):
            raise GraphError(f"{name} should have {channels} channels, and it has {found}")


def _check_by_tensorflow(graph_def: Any) -> None:
    tf = tensorflow()
    graph = tf.Graph()
    try:
        with graph.as_default():
            tf.graph_util.import_graph_def(tensorflow_graph(graph_def), name="")
    except ValueError as error:
        raise GraphError(f"the graph does not hold together: {str(error).splitlines()[0]}") from error
    for operation in graph.get_operations():
        _check_operation(operation.type, operation.name, stateful=operation.op_def.is_stateful)
    for name, channels in _CHANNELS.items():
        shape = graph.get_tensor_by_name(f"{name}:0").shape
        if shape.rank != 4 or shape[3] != channels:
            raise GraphError(f"{name} should have {channels} channels, and its shape is {shape}")
        if shape[0] is not None:
            raise GraphError(f"{name} is made for {shape[0]} images at once: export the graph for any number of them")


def _check_operation(op: str, name: str, *, stateful: bool) -> None:
    if stateful or (op == "Placeholder" and name != INPUT):
        raise GraphError(f"{op} {name!r} is left in the graph, which inference cannot use")


def _channels_of(nodes: Mapping[str, Any]) -> Callable[[str], int | None]:
    """A function from a tensor to the size of its last dimension, None where operations on channels do not tell it."""

    @cache
    def channels(text: str) -> int | None:
        node = nodes[Ref.parse(text).node]
        constant = array_of(node.attr["value"].tensor) if node.op == "Const" else None
        found: int | None = None
        if constant is not None:
            found = constant.shape[-1] if constant.ndim else 1
        elif node.op in _KEEPS_CHANNELS:
            found = channels(node.input[0])
        elif node.op == "Conv2D" and nodes[Ref.parse(node.input[1]).node].op == "Const":
            found = channels(node.input[1])
        elif node.op in _ELEMENTWISE:
            found = combined([channels(text) for text in node.input], max)
        elif node.op == "ConcatV2" and is_last(node.input[-1]):
            found = combined([channels(text) for text in node.input[:-1]], sum)
        return found

    def combined(sizes: list[int | None], how: Callable[[list[int]], int]) -> int | None:
        known = [size for size in sizes if size is not None]
        return how(known) if len(known) == len(sizes) else None

    def is_last(axis: str) -> bool:
        node = nodes[Ref.parse(axis).node]
        return node.op == "Const" and array_of(node.attr["value"].tensor) in (3, -1)

    return channels
