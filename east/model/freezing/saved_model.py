"""The graphs of SavedModels, of TensorFlow 1 and 2, found by signature."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import GraphError, WeightsError
from ...frameworks import quiet_stderr, tensorflow
from ...options import NodeNames
from ..checkpoint import read_arrays
from ..reading import load_saved_model, read_message
from .graph import Ref, SourceGraph, named_graph

DEFAULT_SIGNATURE = "serving_default"


class _Port(NamedTuple):
    """An input or output of a signature; ``channels`` is the last dimension, None when it is not known."""

    ref: Ref
    channels: int | None


def saved_model_graph(folder: Path, names: NodeNames, signature: str | None = None) -> SourceGraph:
    """The graph of a SavedModel folder, between the input and outputs of a signature.

    Args:
        folder: the SavedModel's.
        names: keys of the signature or names of nodes; without them the maps are told by their channels.
        signature: may be left out where there is one, or one called ``serving_default``.

    Raises:
        WeightsError: the folder cannot be read.
        GraphError: a signature that is not there or does not say which output is which.
        MissingPackageError: TensorFlow is not installed.
    """
    tensorflow(f"reading the SavedModel {folder}")
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / "saved_model.pb"
    model = read_message(path, SavedModel(), "a SavedModel")
    if not model.meta_graphs:
        raise WeightsError(f"{path} has no graph in it")
    meta = next((meta for meta in model.meta_graphs if "serve" in meta.meta_info_def.tags), model.meta_graphs[0])
    signatures = [name for name in meta.signature_def if not name.startswith("__")]
    if not signatures and not meta.object_graph_def.nodes:
        return named_graph(meta.graph_def, str(folder), names, read_arrays(folder / "variables" / "variables"))
    chosen = signature or (signatures[0] if len(signatures) == 1 else DEFAULT_SIGNATURE)
    if chosen not in signatures:
        raise GraphError(f"{folder} has no signature {chosen!r}; it has: {', '.join(signatures) or 'none'}")
    if not meta.object_graph_def.nodes:
        declared = meta.signature_def[chosen]
        inputs, outputs = (
            {key: _port(info) for key, info in ports.items()} for ports in (declared.inputs, declared.outputs)
        )
        variables = read_arrays(folder / "variables" / "variables")
        return named_graph(meta.graph_def, str(folder), _names(meta.graph_def, inputs, outputs, names), variables)
    graph_def, inputs, outputs = _load(folder, chosen)
    return named_graph(graph_def, str(folder), _names(graph_def, inputs, outputs, names))


def _load(folder: Path, signature: str) -> tuple[Any, dict[str, _Port], dict[str, _Port]]:
    """A signature of a TensorFlow 2 SavedModel as a graph without functions and variables."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        loaded = load_saved_model(folder)
    except (OSError, tensorflow().errors.OpError, ValueError, IndexError, RuntimeError) as error:
        raise WeightsError(f"SavedModel {folder} is damaged: {str(error).splitlines()[0]}") from error
    function = loaded.signatures[signature]
    with quiet_stderr():
        frozen = convert_variables_to_constants_v2(function)
    inputs = {tensor.op.name: _Port(Ref.parse(tensor.name), tensor.shape[-1]) for tensor in frozen.inputs}
    keys = sorted(function.structured_outputs)
    outputs = {key: _Port(Ref.parse(t.name), t.shape[-1]) for key, t in zip(keys, frozen.outputs, strict=True)}
    return frozen.graph.as_graph_def(), inputs, outputs


def _port(info: Any) -> _Port:
    sizes = [dim.size for dim in info.tensor_shape.dim]
    return _Port(Ref.parse(info.name), sizes[-1] if sizes and sizes[-1] > 0 else None)


def _names(graph_def: Any, inputs: Mapping[str, _Port], outputs: Mapping[str, _Port], asked: NodeNames) -> NodeNames:
    """The nodes behind the keys that were asked for, or else behind the ports that can only be the right ones."""
    nodes = {node.name for node in graph_def.node}
    return NodeNames(
        _pick(nodes, inputs, asked.input, 3, "input"),
        _pick(nodes, outputs, asked.score, 1, "score"),
        _pick(nodes, outputs, asked.geometry, 5, "geometry"),
    )


def _pick(nodes: set[str], ports: Mapping[str, _Port], asked: str | None, channels: int, role: str) -> str:
    known = ", ".join(f"{key} ({port.channels or 'unknown'} channels)" for key, port in ports.items())
    if asked and asked in ports:
        return str(ports[asked].ref)
    if asked and Ref.parse(asked).node in nodes:
        return asked
    if asked:
        raise GraphError(f"neither the signature nor the graph has {asked!r} for the {role}; the signature has {known}")
    fitting = [port for port in ports.values() if port.channels == channels]
    if len(fitting) != 1:
        raise GraphError(f"name the {role}: the signature has {known}")
    return str(fitting[0].ref)
