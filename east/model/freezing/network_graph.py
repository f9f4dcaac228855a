"""The project's own network as a TensorFlow graph, for weights that come without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import GraphError
from ...options import NodeNames
from ..architecture import BATCH_NORM_EPSILON, BATCH_NORM_VARIABLES, Architecture
from ..checkpoint import network_variables
from ..frozen import GEOMETRY, INPUT, SCORE
from .graph import GraphWriter, SourceGraph, named_graph

_FLOAT, _INT = np.dtype("float32"), np.dtype("int32")


def network_graph(variables: Mapping[str, NDArray[np.float32]], label: str, names: NodeNames) -> SourceGraph:
    """The project's own network with the given variables; raises `CheckpointError` for some that do not fit."""
    for role, name in {"input": INPUT, "score": SCORE, "geometry": GEOMETRY}.items():
        if getattr(names, role) not in (None, name):
            raise GraphError(f"{label} has no graph to find {getattr(names, role)!r} in; its {role} is {name!r}")
    return named_graph(_graph_def(), label, names, network_variables(variables, label))


@cache
def _graph_def() -> Any:
    network = _Operations()
    images = network.node("Placeholder", INPUT, [], dtype=_FLOAT, shape=(None, None, None, 3))
    network.outputs(_Tensor(images, 3))
    return network.writer.finish({})


class _Tensor(NamedTuple):
    """An output of a node, float32 ``(N, H, W, channels)``."""

    node: str
    channels: int


class _Operations(Architecture):
    """TensorFlow's operations; the variables among them have no values."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = GraphWriter()

    def node(self, op: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        return self.writer.add(op, name, inputs, **attributes)

    def rescale(self, x: Any, name: str, scale: float, offset: float | Sequence[float] = 0.0) -> Any:
        factor = self.writer.constant(f"{name}/mul/y", np.asarray(scale))
        shift = self.writer.constant(f"{name}/add/y", np.asarray(offset))
        scaled = self.node("Mul", f"{name}/mul", [x.node, factor], T=_FLOAT)
        return x._replace(node=self.node("AddV2", f"{name}/add", [scaled, shift], T=_FLOAT))

    def conv(self, x: Any, scope: str, channels: int, size: int, stride: int = 1, *, relu: bool = True) -> Any:
        if stride > 1:
            half = size // 2
            paddings = np.array([[0, 0], [half, half], [half, half], [0, 0]], np.int32)
            constant = self.writer.constant(f"{scope}/Pad/paddings", paddings)
            x = x._replace(node=self.node("Pad", f"{scope}/Pad", [x.node, constant], T=_FLOAT, Tpaddings=_INT))
        node = self._convolution(x, scope, channels, size, stride)
        variables = [self._variable(f"{scope}/BatchNorm/{name}", channels) for name in BATCH_NORM_VARIABLES]
        node = self.node(
            "FusedBatchNormV3",
            f"{scope}/BatchNorm",
            [node, *variables],
            T=_FLOAT,
            U=_FLOAT,
            epsilon=BATCH_NORM_EPSILON,
            is_training=False,
            data_format="NHWC",
        )
        return _Tensor(self.node("Relu", f"{scope}/Relu", [node], T=_FLOAT) if relu else node, channels)

    def max_pool(self, x: Any, name: str, size: int) -> Any:
        sides, steps = [1, size, size, 1], [1, 2, 2, 1]
        padding = "SAME" if size > 1 else "VALID"
        pooled = self.node(
            "MaxPool",
            f"{name}/MaxPool2d",
            [x.node],
            T=_FLOAT,
            ksize=sides,
            strides=steps,
            padding=padding,
            data_format="NHWC",
        )
        return x._replace(node=pooled)

    def add(self, x: Any, y: Any, scope: str) -> Any:
        total = self.node("AddV2", f"{scope}/add/Add", [x.node, y.node], T=_FLOAT)
        return x._replace(node=self.node("Relu", f"{scope}/Relu", [total], T=_FLOAT))

    def upsample(self, x: Any, name: str) -> Any:
        begin, end, step, twice = (
            self.writer.constant(f"{name}/{part}", np.array(value, np.int32))
            for part, value in {"begin": [1], "end": [3], "step": [1], "mul/y": [2, 2]}.items()
        )
        shape = self.node("Shape", f"{name}/Shape", [x.node], T=_FLOAT, out_type=_INT)
        masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
        sides = self.node(
            "StridedSlice", f"{name}/strided_slice", [shape, begin, end, step], T=_INT, Index=_INT, **masks
        )
        size = self.node("Mul", f"{name}/mul", [sides, twice], T=_INT)
        half_pixels = {"align_corners": False, "half_pixel_centers": False}
        return x._replace(
            node=self.node("ResizeBilinear", f"{name}/ResizeBilinear", [x.node, size], T=_FLOAT, **half_pixels)
        )

    def concat(self, parts: Sequence[Any], name: str) -> Any:
        axis = self.writer.constant(f"{name}/axis", np.array(-1, np.int32))
        inputs = [*(part.node for part in parts), axis]
        node = self.node("ConcatV2", name, inputs, N=len(parts), T=_FLOAT, Tidx=_INT)
        return _Tensor(node, sum(part.channels for part in parts))

    def head(self, x: Any, scope: str, channels: int) -> Any:
        node = self._convolution(x, scope, channels, 1, 1)
        biases = self._variable(f"{scope}/biases", channels)
        node = self.node("BiasAdd", f"{scope}/BiasAdd", [node, biases], T=_FLOAT, data_format="NHWC")
        return _Tensor(self.node("Sigmoid", f"{scope}/Sigmoid", [node], T=_FLOAT), channels)

    def _convolution(self, x: Any, scope: str, channels: int, size: int, stride: int) -> str:
        weights = self._variable(f"{scope}/weights", size, size, x.channels, channels)
        return self.node(
            "Conv2D",
            f"{scope}/Conv2D",
            [x.node, weights],
            T=_FLOAT,
            strides=[1, stride, stride, 1],
            padding="VALID" if stride > 1 else "SAME",
            dilations=[1, 1, 1, 1],
            data_format="NHWC",
        )

    def _variable(self, name: str, *shape: int) -> str:
        return self.node("VariableV2", name, [], dtype=_FLOAT, shape=shape)
