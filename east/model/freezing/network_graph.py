"""The project's own network as a TensorFlow graph, for weights that come without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError
from ...options import NodeNames
from ..architecture import BATCH_NORM_EPSILON, BATCH_NORM_VARIABLES, Architecture
from ..checkpoint import network_variables
from ..frozen import GEOMETRY, INPUT, SCORE
from .graph import SourceGraph, named_graph, tf


def network_graph(variables: Mapping[str, NDArray[np.float32]], label: str, names: NodeNames) -> SourceGraph:
    """The project's own network with the given variables; raises `CheckpointError` for some that do not fit."""
    for role, name in {"input": INPUT, "score": SCORE, "geometry": GEOMETRY}.items():
        if getattr(names, role) not in (None, name):
            raise GraphError(f"{label} has no graph to find {getattr(names, role)!r} in; its {role} is {name!r}")
    return named_graph(_graph_def(), label, names, network_variables(variables, label))


@cache
def _graph_def() -> Any:
    with tf.Graph().as_default() as graph:
        _Operations().outputs(tf.compat.v1.placeholder(tf.float32, [None, None, None, 3], name=INPUT))
    return graph.as_graph_def()


class _Operations(Architecture):
    """TensorFlow's operations in the default graph; the variables in it have no values."""

    def rescale(self, x: Any, name: str, scale: float, offset: float | Sequence[float] = 0.0) -> Any:
        return tf.add(tf.multiply(x, scale, f"{name}/mul"), offset, f"{name}/add")

    def conv(self, x: Any, scope: str, channels: int, size: int, stride: int = 1, *, relu: bool = True) -> Any:
        if stride > 1:
            half = size // 2
            x = tf.pad(x, [[0, 0], [half, half], [half, half], [0, 0]], name=f"{scope}/Pad")
        weights = _variable(f"{scope}/weights", size, size, x.shape[-1], channels)
        x = tf.nn.conv2d(x, weights, stride, "VALID" if stride > 1 else "SAME", name=f"{scope}/Conv2D")
        gamma, beta, mean, variance = (_variable(f"{scope}/BatchNorm/{n}", channels) for n in BATCH_NORM_VARIABLES)
        x = tf.nn.batch_normalization(x, mean, variance, beta, gamma, BATCH_NORM_EPSILON, f"{scope}/BatchNorm")
        return tf.nn.relu(x, f"{scope}/Relu") if relu else x

    def max_pool(self, x: Any, name: str, size: int) -> Any:
        return tf.nn.max_pool2d(x, size, 2, "SAME" if size > 1 else "VALID", name=f"{name}/MaxPool2d")

    def add(self, x: Any, y: Any, scope: str) -> Any:
        return tf.nn.relu(tf.add(x, y, f"{scope}/add/Add"), f"{scope}/Relu")

    def upsample(self, x: Any, name: str) -> Any:
        with tf.name_scope(name):
            return tf.raw_ops.ResizeBilinear(images=x, size=tf.shape(x)[1:3] * [2, 2])

    def concat(self, parts: Sequence[Any], name: str) -> Any:
        return tf.concat(parts, -1, name)

    def head(self, x: Any, scope: str, channels: int) -> Any:
        weights = _variable(f"{scope}/weights", 1, 1, x.shape[-1], channels)
        x = tf.nn.conv2d(x, weights, 1, "VALID", name=f"{scope}/Conv2D")
        x = tf.nn.bias_add(x, _variable(f"{scope}/biases", channels), name=f"{scope}/BiasAdd")
        return tf.sigmoid(x, f"{scope}/Sigmoid")


def _variable(name: str, *shape: int) -> Any:
    return tf.raw_ops.VariableV2(shape=shape, dtype=tf.float32, name=name)
