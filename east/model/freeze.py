"""From weights in any form to one frozen graph."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._tensorflow import keras_on_tensorflow
from ..errors import GraphError
from ..hashing import sha256_file
from .checkpoint import check_variables, read_arrays
from .frozen import GEOMETRY, INPUT, SCORE, FrozenModel, InputDtype, hash_constants
from .graph import Ref, tf
from .simplify import simplify

__all__ = ["FrozenModel", "InputDtype", "freeze"]


def freeze(
    source: str | Path,
    *,
    input_dtype: InputDtype = "uint8",
    input_name: str | None = None,
    score_name: str | None = None,
    geometry_name: str | None = None,
) -> FrozenModel:
    path = Path(source)
    graph_def = _freeze_network(read_arrays(path), str(path), input_dtype)
    return _checked(graph_def, input_dtype, sha256_file(path))


def _freeze_network(values: dict[str, NDArray[np.float32]], label: str, input_dtype: InputDtype) -> Any:
    """The project's own network with the given variables."""
    keras_on_tensorflow()
    from .network import build_network, variables_by_name

    model = build_network(dtype="float32")
    variables = variables_by_name(model)
    check_variables(values, {name: tuple(variable.shape) for name, variable in variables.items()}, label)
    images = tf.TensorSpec([None, None, None, 3], tf.float32, name=INPUT)
    function = tf.function(lambda images: model(images, training=False)).get_concrete_function(images)
    names = {id(variable.value.handle): name for name, variable in variables.items()}
    scopes = {layer.name for layer in model.layers}
    score, geometry = (Ref.parse(output.name) for output in function.outputs)

    def rename(name: str) -> str:
        """``east_1/a.b.Conv_7_1/op`` (Keras numbers each use of a layer) becomes ``a/b/Conv_7/op``."""
        _, _, name = name.partition("/") if name.startswith(model.name) else ("", "", name)
        scope, _, op = name.partition("/")
        scope = scope if scope in scopes else re.sub(r"_\d+$", "", scope)
        return scope.replace(".", "/") if scope.endswith(f".{op}") else f"{scope}/{op}".replace(".", "/").rstrip("/")

    return simplify(
        {node.name: node for node in function.graph.as_graph_def().node},
        Ref(INPUT),
        {SCORE: score, GEOMETRY: geometry},
        input_name=INPUT,
        input_dtype=input_dtype,
        variables=values,
        variable_nodes={Ref.parse(inside.name).node: names[id(handle)] for handle, inside in function.graph.captures},
        rename=rename,
    )


def _checked(graph_def: Any, input_dtype: InputDtype, sha256: str | None) -> FrozenModel:
    """Raises `GraphError` unless TensorFlow takes the graph, nothing in it keeps state, and the maps are EAST's."""
    graph = tf.Graph()
    try:
        with graph.as_default():
            tf.graph_util.import_graph_def(graph_def, name="")
    except ValueError as error:
        raise GraphError(f"the graph does not hold together: {str(error).splitlines()[0]}") from error
    for operation in graph.get_operations():
        if operation.op_def.is_stateful or (operation.type == "Placeholder" and operation.name != INPUT):
            raise GraphError(f"{operation.type} {operation.name!r} is left in the graph, which inference cannot use")
    for name, channels in ((SCORE, 1), (GEOMETRY, 5)):
        shape = graph.get_tensor_by_name(f"{name}:0").shape
        if shape.rank != 4 or shape[3] != channels:
            raise GraphError(f"{name} should be (N, H, W, {channels}), and is {shape}")
    return FrozenModel(graph_def, INPUT, SCORE, GEOMETRY, input_dtype, sha256 or hash_constants(graph_def))
