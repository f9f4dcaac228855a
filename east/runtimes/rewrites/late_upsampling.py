"""Doubles the size of fewer channels.

Where the network doubles deep features, joins them with shallow ones and mixes the channels of each pixel, it may
as well mix first and double after: both are linear, one across channels and one across pixels. Of 2048, 128 and
64 channels 128, 64 and 32 are left to double, and nothing has to be joined. Same result but for rounding.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...frameworks import tensorflow
from ...model.frozen import FrozenModel


def upsample_late(frozen: FrozenModel) -> FrozenModel:
    """Rewrites each 1x1 convolution of ``concat(resize_bilinear(deep), shallow)``; the rest stays as it is."""
    tf = tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(frozen.graph_def, name="")
    nodes = {node.name: node for node in frozen.graph_def.node}
    rewritten = type(frozen.graph_def)(versions=frozen.graph_def.versions)

    def copy(node: Any, suffix: str, *inputs: str) -> str:
        """A node like ``node``, on ``inputs``."""
        twin = rewritten.node.add()
        twin.CopyFrom(node)
        twin.name += suffix
        twin.input[:] = inputs
        return str(twin.name)

    for node in frozen.graph_def.node:
        found = _resize_and_shallow(tf, node, nodes)
        if found is None:
            rewritten.node.append(node)
            continue
        resize, shallow = found
        constant = nodes[node.input[1]]
        channels = graph.get_tensor_by_name(f"{resize.name}:0").shape[3]
        parts = np.split(tf.make_ndarray(constant.attr["value"].tensor), [channels], axis=2)
        for suffix, part in zip(("/deep", "/shallow"), parts, strict=True):
            copy(constant, suffix)
            rewritten.node[-1].attr["value"].tensor.CopyFrom(tf.make_tensor_proto(part))
        mixed = copy(node, "/deep", resize.input[0], f"{constant.name}/deep")
        doubled = copy(resize, "/late", mixed, resize.input[1])
        beside = copy(node, "/shallow", shallow, f"{constant.name}/shallow")
        total = rewritten.node.add(name=node.name, op="AddV2", input=[beside, doubled])
        total.attr["T"].CopyFrom(node.attr["T"])
    outputs = [frozen.score_name, frozen.geometry_name]
    return replace(frozen, graph_def=tf.compat.v1.graph_util.extract_sub_graph(rewritten, outputs))


def _resize_and_shallow(tf: Any, node: Any, nodes: dict[str, Any]) -> tuple[Any, str] | None:
    """The resize, and the name of what is joined to it, if ``node`` is such a convolution."""
    if node.op != "Conv2D" or list(node.attr["strides"].list.i) != [1, 1, 1, 1]:
        return None
    joined, constant = nodes[node.input[0]], nodes[node.input[1]]
    if joined.op != "ConcatV2" or len(joined.input) != 3 or constant.op != "Const":
        return None
    axis = nodes[joined.input[2]]
    kernel = [side.size for side in constant.attr["value"].tensor.tensor_shape.dim[:2]]
    across_channels = axis.op == "Const" and int(tf.make_ndarray(axis.attr["value"].tensor)) in (3, -1)
    if kernel != [1, 1] or not across_channels or nodes[joined.input[0]].op != "ResizeBilinear":
        return None
    return nodes[joined.input[0]], joined.input[1]
