"""The graphs that people bring: `SourceGraph` from weights, a checkpoint's .meta, or a frozen .pb."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError, WeightsError
from ...frameworks import keras_on_tensorflow
from ...options import NodeNames
from ..checkpoint import check_variables
from ..frozen import GEOMETRY, INPUT, SCORE, read_graph_def
from .graph import Ref, SourceGraph, find_node, tf

_VARIABLE_OPS = frozenset(["Variable", "VariableV2", "VarHandleOp"])


def network_graph(variables: Mapping[str, NDArray[np.float32]], label: str, names: NodeNames) -> SourceGraph:
    """The project's own network with the given variables.

    Raises `CheckpointError` for variables that do not fit, `GraphError` for names that are not this network's.
    """
    own = {"input": INPUT, "score": SCORE, "geometry": GEOMETRY}
    for role, name in own.items():
        if getattr(names, role) not in (None, name):
            raise GraphError(f"{label} has no graph to find {getattr(names, role)!r} in; its {role} is {name!r}")
    graph, shapes = _network()
    check_variables(variables, shapes, label)
    return replace(graph, variables=variables, label=label)


@cache
def _network() -> tuple[SourceGraph, dict[str, tuple[int, ...]]]:
    """The network's graph as TensorFlow traces it, without values, and the shapes of its variables."""
    keras_on_tensorflow()
    from ..network import build_network, variables_by_name

    model = build_network(dtype="float32")
    variables = variables_by_name(model)
    images = tf.TensorSpec([None, None, None, 3], tf.float32, name=INPUT)
    traced = tf.function(lambda images: model(images, training=False), autograph=False)
    function = traced.get_concrete_function(images)
    handles = {id(variable.value.handle): name for name, variable in variables.items()}
    scopes = {layer.name for layer in model.layers}

    def rename(name: str) -> str:
        """``east_1/a.Conv_7_1/op`` (Keras numbers each use of a layer) becomes ``a/Conv_7/op``."""
        _, _, name = name.partition("/")
        scope, _, op = name.partition("/")
        scope = scope if scope in scopes else re.sub(r"_\d+$", "", scope)
        return (scope if scope.endswith(f".{op}") else f"{scope}/{op}").replace(".", "/")

    score, geometry = (Ref.parse(output.name) for output in function.outputs)
    graph = SourceGraph(
        nodes={node.name: node for node in function.graph.as_graph_def().node},
        image=Ref(INPUT),
        score=score,
        geometry=geometry,
        variable_nodes={inside.op.name: handles[id(handle)] for handle, inside in function.graph.captures},
        rename=rename,
    )
    return graph, {name: tuple(variable.shape) for name, variable in variables.items()}


def named_graph(
    graph_def: Any, label: str, names: NodeNames, variables: Mapping[str, NDArray[np.float32]] | None = None
) -> SourceGraph:
    """The graph between the named nodes. Raises `GraphError` for a name that is not there."""
    nodes = {node.name: node for node in graph_def.node}
    image = find_node(nodes, names.input or INPUT, "input")
    score = find_node(nodes, names.score or SCORE, "score")
    geometry = find_node(nodes, names.geometry or GEOMETRY, "geometry")
    tower = score.node.removesuffix(Ref.parse(names.score or SCORE).node)
    variable_nodes = {name: name for name, node in nodes.items() if node.op in _VARIABLE_OPS}

    def rename(name: str) -> str:
        return name.removeprefix(tower)

    return SourceGraph(nodes, image, score, geometry, variables or {}, variable_nodes, rename, label)


def frozen_graph(path: Path, names: NodeNames) -> SourceGraph:
    """The graph of a frozen ``.pb``."""
    return named_graph(read_graph_def(path), str(path), names)


def meta_graph(path: Path, names: NodeNames, variables: Mapping[str, NDArray[np.float32]]) -> SourceGraph:
    """The graph of a checkpoint's ``.meta``. Raises `WeightsError` for a damaged file."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    meta = tf.compat.v1.MetaGraphDef()
    try:
        meta.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise WeightsError(f"{path} is damaged; without it the project's own network takes the variables") from error
    return named_graph(meta.graph_def, str(path), names, variables)
