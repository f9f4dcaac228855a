"""Graphs written as TensorBoard reads them."""

from __future__ import annotations

import json
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

from ...frameworks import tensorflow
from ...model.frozen import read_graph_def, tensorflow_graph
from ...model.reading import load_saved_model
from .frozen_graph import GRAPH
from .tensorrt_layers import LAYERS

_SHOWN = 1024  # bytes of a constant; TensorBoard shows no more, and would choke on a hundred megabytes


def write_graphs(folder: Path, before: Any, converted: Path) -> None:
    """Writes two runs, ``frozen`` and ``converted``: a GraphDef, and the model in the folder of an artifact.

    Raises `OSError`, naming the file, for one that cannot be written.
    """
    _write(folder / "frozen", tensorflow_graph(before))
    _write(folder / "converted", _converted_graph(converted))


def _converted_graph(folder: Path) -> Any:
    if (folder / GRAPH).exists():
        return tensorflow_graph(read_graph_def(folder / GRAPH))
    if (folder / "saved_model").is_dir():
        model = load_saved_model(folder / "saved_model")
        return model.signatures["serving_default"].graph.as_graph_def()
    if (folder / LAYERS).exists():
        return _engine_graph(folder / LAYERS)
    return _openvino_graph(folder / "model.xml")


def _engine_graph(path: Path) -> Any:
    """The layers of a TensorRT engine, likewise."""
    graph_def = tensorflow().compat.v1.GraphDef()
    layers = json.loads(path.read_text(encoding="utf-8"))
    makers = {tensor: layer["name"] for layer in layers for tensor in layer["targets"]}
    for layer in layers:
        inputs = [makers.get(tensor, tensor).replace(":", "_") for tensor in layer["sources"]]
        graph_def.node.add(name=layer["name"].replace(":", "_"), op=layer["kind"], input=inputs)
    known = {node.name for node in graph_def.node}
    for name in sorted({name for node in graph_def.node for name in node.input} - known):
        graph_def.node.add(name=name, op="Placeholder")
    return graph_def


def _openvino_graph(path: Path) -> Any:
    """An OpenVINO model in the terms of a GraphDef, which TensorBoard shows whatever the operations are called."""
    from ...frameworks import openvino

    graph_def = tensorflow().compat.v1.GraphDef()
    for operation in openvino().Core().read_model(path).get_ordered_ops():
        inputs = [operation.input_value(i) for i in range(operation.get_input_size())]
        graph_def.node.add(
            name=_node_name(operation),
            op=operation.get_type_name(),
            input=[f"{_node_name(value.get_node())}:{value.get_index()}" for value in inputs],
        )
    return graph_def


def _node_name(operation: Any) -> str:
    return str(operation.get_friendly_name()).replace(":", "_")


def _write(folder: Path, graph_def: Any) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    light = type(graph_def)()
    light.CopyFrom(graph_def)
    for nodes in (light.node, *(function.node_def for function in light.library.function)):
        for node in nodes:
            if node.op == "Const" and node.attr["value"].ByteSize() > _SHOWN:
                node.attr["value"].tensor.tensor_content = b""
    try:
        with redirect_stderr(StringIO()):  # the writer's thread prints the error that `flush` raises
            events = EventFileWriter(str(folder))
            events.add_event(Event(wall_time=time.time(), graph_def=light.SerializeToString()))
            events.flush()
            events.close()
    except tensorflow().errors.OpError as error:
        raise OSError(f"cannot write {error.message}") from error
