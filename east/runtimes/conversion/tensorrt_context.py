"""A TensorRT engine as an ONNX model: one EPContext node that names the engine's file.

ONNX Runtime's plugin for TensorRT for RTX writes the same when it compiles a model, and loads it without compiling.
https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ...files import written_whole

MODEL: Final = "east.onnx"
ENGINE: Final = "east.engine"

_DOMAIN = "com.microsoft"


def save_context(folder: Path, model: bytes, plan: bytes, provider: str, capability: str) -> Path:
    """Writes an engine, and beside it the ONNX model that stands for it.

    Args:
        folder: to write to.
        model: that the engine was built from, whose inputs and outputs the new one has.
        plan: the serialised engine.
        provider: ONNX Runtime's name of what runs it.
        capability: the compute capability it was built for, for the record.

    Returns:
        the file of the ONNX model.
    """
    import onnx
    from onnx import helper

    original = onnx.ModelProto.FromString(model)
    graph = original.graph
    node = helper.make_node(
        "EPContext",
        [one.name for one in graph.input],
        [one.name for one in graph.output],
        "east",
        domain=_DOMAIN,
        main_context=1,
        embed_mode=0,
        ep_cache_context=ENGINE,
        source=provider,
        partition_name="east",
        hardware_architecture=capability,
        ep_sdk_version="1.0",
    )
    opsets = [*original.opset_import, helper.make_opsetid(_DOMAIN, 1)]
    context = helper.make_model(
        helper.make_graph([node], graph.name, graph.input, graph.output),
        opset_imports=opsets,
        ir_version=original.ir_version,
        producer_name=original.producer_name,
    )
    helper.set_model_props(context, {one.key: one.value for one in original.metadata_props})
    for path, content in ((folder / ENGINE, plan), (folder / MODEL, context.SerializeToString())):
        with written_whole(path) as file:
            file.write(content)
    return folder / MODEL
