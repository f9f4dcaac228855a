"""A frozen graph in half precision, but for its two ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ConversionError
from ...model.frozen import FrozenModel
from ...model.graphdef import GraphDef, array_of, dtype_number, extract_subgraph, tensor_of

_IN_HALF = frozenset(["AddV2", "BiasAdd", "ConcatV2", "Conv2D", "MaxPool", "Pad", "Relu", "ResizeBilinear", "Shape"])


def to_half(frozen: FrozenModel) -> FrozenModel:
    """Rewrites weights and activations to float16, from the first padding or convolution to the last convolutions.

    The mean is subtracted before, and sigmoids and scales come after, in float32: half precision would round
    distances to a quarter of a pixel. Batch norm must be folded, which `freeze` does: its variances do not fit.
    Raises `ConversionError` when a weight does not fit either.
    """
    float16, float32 = dtype_number(np.float16), dtype_number(np.float32)
    nodes = {node.name: node for node in frozen.graph_def.node}
    _, after = heads(frozen, nodes)
    rewritten = GraphDef(versions=frozen.graph_def.versions)
    kinds: dict[str, int] = {}  # of the tensors whose precision is at stake

    def in_kind(name: str, wanted: int) -> str:
        """The same tensor in half or single precision; integers as they are."""
        if kinds.get(name, wanted) == wanted:
            return name
        twin = f"{name}/{'half' if wanted == float16 else 'single'}"
        if twin not in kinds:
            kinds[twin] = wanted
            source = nodes.get(name)
            if source is not None and source.op == "Const":
                value = _halved(name, array_of(source.attr["value"].tensor))
                constant = rewritten.node.add(name=twin, op="Const")
                constant.attr["dtype"].type = wanted
                constant.attr["value"].tensor.CopyFrom(tensor_of(value))
            else:
                cast = rewritten.node.add(name=twin, op="Cast", input=[name])
                cast.attr["SrcT"].type, cast.attr["DstT"].type = kinds[name], wanted
        return twin

    reached = False  # the first padding or convolution
    for node in frozen.graph_def.node:
        reached = reached or node.op in ("Pad", "Conv2D")
        kind = float16 if reached and node.op in _IN_HALF and node.name not in after else float32
        inputs = [in_kind(name, kind) for name in node.input]
        copy = rewritten.node.add()
        copy.CopyFrom(node)
        copy.input[:] = inputs
        if "T" in node.attr and node.attr["T"].type == float32:
            copy.attr["T"].type = kind
        if node.op in ("Const", "ResizeBilinear"):  # which always gives single precision
            kind = float32
        if _is_float(node, float32):
            kinds[node.name] = kind
    outputs = [frozen.score_name, frozen.geometry_name]
    return replace(frozen, graph_def=extract_subgraph(rewritten, outputs))


def heads(frozen: FrozenModel, nodes: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Names of the last convolutions of a graph, and of what is computed between them and the outputs."""
    convolutions: set[str] = set()
    after: set[str] = set()
    waiting = [frozen.score_name, frozen.geometry_name]
    while waiting:
        name = waiting.pop()
        if nodes[name].op == "Conv2D":
            convolutions.add(name)
        elif name not in after:
            after.add(name)
            waiting += nodes[name].input
    return convolutions, after


def _halved(name: str, array: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        halved = array.astype(np.float16)
    if not np.isfinite(halved).all():
        raise ConversionError(f"{name!r} reaches {np.abs(array).max():.3g}, half precision 65,504: use FP32")
    return halved


def _is_float(node: Any, float32: int) -> bool:
    """Whether a node of a frozen graph gives floating point."""
    kinds = [node.attr[attribute].type for attribute in ("T", "dtype", "DstT") if attribute in node.attr]
    return node.op != "Shape" and kinds[:1] == [float32]
