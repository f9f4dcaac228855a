"""Doubles the size of fewer channels.

Where the network doubles deep features, joins them with shallow ones and mixes the channels of each pixel, it may
as well mix first and double after: both are linear, one across channels and one across pixels. Of 2048, 128 and
64 channels 128, 64 and 32 are left to double, and nothing has to be joined. Same result but for rounding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...model.frozen import FrozenModel
from ...model.graphdef import GraphDef, array_of, extract_subgraph, tensor_of

_SAME_CHANNELS = frozenset(["AddV2", "BiasAdd", "MaxPool", "Pad", "Relu", "ResizeBilinear"])


def upsample_late(frozen: FrozenModel) -> FrozenModel:
    """Rewrites each 1x1 convolution of ``concat(resize_bilinear(deep), shallow)``; the rest stays as it is."""
    nodes = {node.name: node for node in frozen.graph_def.node}
    rewritten = GraphDef(versions=frozen.graph_def.versions)

    def copy(node: Any, suffix: str, *inputs: str) -> str:
        """A node like ``node``, on ``inputs``."""
        twin = rewritten.node.add()
        twin.CopyFrom(node)
        twin.name += suffix
        twin.input[:] = inputs
        return str(twin.name)

    for node in frozen.graph_def.node:
        found = _resize_and_shallow(node, nodes)
        if found is None:
            rewritten.node.append(node)
            continue
        resize, shallow = found
        constant = nodes[node.input[1]]
        channels = _channels(resize.input[0], nodes)
        parts = np.split(array_of(constant.attr["value"].tensor), [channels], axis=2)
        for suffix, part in zip(("/deep", "/shallow"), parts, strict=True):
            copy(constant, suffix)
            rewritten.node[-1].attr["value"].tensor.CopyFrom(tensor_of(part))
        mixed = copy(node, "/deep", resize.input[0], f"{constant.name}/deep")
        doubled = copy(resize, "/late", mixed, resize.input[1])
        beside = copy(node, "/shallow", shallow, f"{constant.name}/shallow")
        total = rewritten.node.add(name=node.name, op="AddV2", input=[beside, doubled])
        total.attr["T"].CopyFrom(node.attr["T"])
    outputs = [frozen.score_name, frozen.geometry_name]
    return replace(frozen, graph_def=extract_subgraph(rewritten, outputs))


def _resize_and_shallow(node: Any, nodes: dict[str, Any]) -> tuple[Any, str] | None:
    """The resize, and the name of what is joined to it, if ``node`` is such a convolution."""
    if node.op != "Conv2D" or list(node.attr["strides"].list.i) != [1, 1, 1, 1]:
        return None
    joined, constant = nodes[node.input[0]], nodes[node.input[1]]
    if joined.op != "ConcatV2" or len(joined.input) != 3 or constant.op != "Const":
        return None
    axis = nodes[joined.input[2]]
    kernel = [side.size for side in constant.attr["value"].tensor.tensor_shape.dim[:2]]
    across_channels = axis.op == "Const" and int(array_of(axis.attr["value"].tensor)) in (3, -1)
    if kernel != [1, 1] or not across_channels or nodes[joined.input[0]].op != "ResizeBilinear":
        return None
    return (nodes[joined.input[0]], joined.input[1]) if _channels(joined.input[0], nodes) else None


def _channels(name: str, nodes: dict[str, Any]) -> int:
    """How many channels a tensor has; 0 where that does not follow from the convolutions before it."""
    node = nodes[name]
    if node.op == "Conv2D":
        weights = nodes[node.input[1]]
        return int(weights.attr["value"].tensor.tensor_shape.dim[-1].size) if weights.op == "Const" else 0
    if node.op == "ConcatV2":
        parts = [_channels(part, nodes) for part in node.input[:-1]]
        return sum(parts) if all(parts) else 0
    return _channels(node.input[0], nodes) if node.op in _SAME_CHANNELS else 0
