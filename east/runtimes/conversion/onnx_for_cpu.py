"""An INT8 model in the form that ONNX Runtime's processor kernels take.

What an export has, signed numbers around zero and ranges of activations alone, is how TensorRT and others want it.
ONNX Runtime computes a convolution in 8 bits only where its output is quantized too, and leaves out a ReLU only where
the least number stands for zero. So here

- what is never negative counts from zero, in steps half as large, as in OpenVINO;
- the rest is shifted by 128, and the weights that it meets are shifted as well, for which the kernels are exact. Where
  they are not for unsigned numbers and signed weights, all weights are shifted, which takes 1.4 times as long;
- what is added up, or doubled and added up, gets ranges, which are measured on images;
- pooling is done in the steps of what is pooled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ...frameworks import onnxruntime
from ...model.frozen import FrozenModel

_NEVER_NEGATIVE: Final = frozenset(["Relu", "Clip", "Sigmoid"])
_AS_BEFORE: Final = frozenset(["MaxPool", "Pad", "Resize"])  # whose output is as negative as their input


def for_cpu(model: ModelProto, images: Iterable[NDArray[np.uint8]], *, exact: bool) -> ModelProto:
    """Rewrites what `to_onnx` makes of a graph in 8 bits.

    Args:
        model: stays as it is.
        images: batches of uint8 RGB ``(N, H, W, 3)`` on which the ranges of sums are measured.
        exact: whether the processor adds products of unsigned and signed numbers exactly.
    """
    graph = _Graph(model)
    graph.pool_in_8_bits()
    graph.quantize_sums(_ranges(model, graph.summands(), images))
    graph.count_from_zero(exact)
    return graph.model()


def _ranges(model: ModelProto, names: list[str], images: Iterable[NDArray[np.uint8]]) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each tensor."""
    ort = onnxruntime()
    probed = ModelProto()
    probed.CopyFrom(model)
    del probed.graph.output[:]
    for name in names:
        for op in ("Min", "Max"):
            probed.graph.node.append(helper.make_node(f"Reduce{op}", [name], [f"{name}/{op}"], keepdims=0))
            probed.graph.output.append(helper.make_tensor_value_info(f"{name}/{op}", TensorProto.FLOAT, []))
    session = ort.InferenceSession(probed.SerializeToString(), providers=["CPUExecutionProvider"])
    found = np.array([session.run(None, {FrozenModel.input_name: batch}) for batch in images], np.float64)
    lowest, highest = found[:, ::2].min(axis=0), found[:, 1::2].max(axis=0)
    return {name: (low, high) for name, low, high in zip(names, lowest.tolist(), highest.tolist(), strict=True)}


class _Graph:
    """The nodes by what they give, which is called like them, and the initializers by name."""

    def __init__(self, model: ModelProto) -> None:
        self._model = ModelProto()
        self._model.CopyFrom(model)
        self._nodes: dict[str, NodeProto] = {node.output[0]: node for node in self._model.graph.node}
        self._constants: dict[str, TensorProto] = {tensor.name: tensor for tensor in self._model.graph.initializer}
        self._takers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self._model.graph.node:
            for name in node.input:
                self._takers[name].append(node)

    def model(self) -> ModelProto:
        """The model as it is now, its nodes in order."""
        order = _sorted(self._nodes)
        del self._model.graph.node[:]
        self._model.graph.node.extend(order)
        needed = {name for node in order for name in node.input}
        del self._model.graph.initializer[:]
        self._model.graph.initializer.extend(tensor for name, tensor in self._constants.items() if name in needed)
        return self._model

    def summands(self) -> list[str]:
        """The tensors that are added up before an activation, and are not in 8 bits."""
        adds = [node for node in self._nodes.values() if node.op_type == "Add" and self._is_quantized_after(node)]
        found = {name for node in adds for name in node.input}
        return sorted(name for name in found if name in self._nodes and not self._is_quantized(name))

    def pool_in_8_bits(self) -> None:
        for node in [node for node in self._nodes.values() if node.op_type == "MaxPool"]:
            after = self._quantizer_of(node.output[0])
            if after is None:
                continue
            before = self._quantizer_of(node.input[0])
            if before is None:
                node.input[0] = self._quantize(node.input[0], *after.input[1:3])
                continue
            [dequantize] = self._takers[before.output[0]]
            node.input[0] = dequantize.output[0]
            for one in (after, *self._takers[after.output[0]]):
                one.input[1:] = before.input[1:]

    def quantize_sums(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        for name, (lowest, highest) in ranges.items():
            low = min(lowest, 0.0)
            step = max((max(highest, 0.0) - low) / 255, float(np.finfo(np.float32).tiny))
            scale = self._constant(f"{name}/scale", np.array(step, np.float32))
            zero = self._constant(f"{name}/zero_point", np.array(round(-low / step), np.uint8))
            takers = list(self._takers[name])
            quantized = self._quantize(name, scale, zero)
            for taker in takers:
                taker.input[:] = [quantized if one == name else one for one in taker.input]
            if self._nodes[name].op_type == "Resize":  # which goes beyond none of what it is made of
                self._nodes[name].input[0] = self._quantize(self._nodes[name].input[0], scale, zero)

    def count_from_zero(self, exact: bool) -> None:
        for node in [node for node in self._nodes.values() if node.op_type == "QuantizeLinear"]:
            _, scale, zero = node.input
            if self._constants[zero].data_type != TensorProto.INT8:
                continue
            shift = 0 if self._never_negative(node.input[0]) else 128
            zero = self._constant(f"zero_point/{shift}", np.array(shift, np.uint8))
            if not shift:
                step = numpy_helper.to_array(self._constants[scale]) * np.float32(127 / 255)
                scale = self._constant(f"{scale}/255", step)
            dequantizes = self._takers[node.output[0]]
            for one in (node, *dequantizes):
                one.input[1:] = [scale, zero]
            if shift or not exact:
                for taker in [taker for one in dequantizes for taker in self._takers[one.output[0]]]:
                    if taker.op_type == "Conv":
                        self._shift_weights(self._nodes[taker.input[1]])

    def _shift_weights(self, dequantize: NodeProto) -> None:
        names = (dequantize.input[0], dequantize.input[2])
        numbers, zero = (numpy_helper.to_array(self._constants[name]) for name in names)
        if numbers.dtype == np.int8:
            for at, (name, array) in enumerate(zip(names, (numbers, zero), strict=True)):
                shifted = (array.astype(np.int16) + 128).astype(np.uint8)
                dequantize.input[2 * at] = self._constant(f"{name}/shifted", shifted)

    def _never_negative(self, name: str) -> bool:
        node = self._nodes.get(name)
        if node is None:
            return False
        if node.op_type in _AS_BEFORE or node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            return self._never_negative(node.input[0])
        return node.op_type in _NEVER_NEGATIVE

    def _is_quantized(self, name: str) -> bool:
        return self._nodes[name].op_type == "DequantizeLinear"

    def _is_quantized_after(self, add: NodeProto) -> bool:
        """Whether the sum goes through at most an activation before it is in 8 bits."""
        takers = self._takers[add.output[0]]
        through = [one.output[0] for one in takers if one.op_type in _NEVER_NEGATIVE]
        return any(self._quantizer_of(name) is not None for name in (add.output[0], *through))

    def _quantizer_of(self, name: str) -> NodeProto | None:
        return next((node for node in self._takers[name] if node.op_type == "QuantizeLinear"), None)

    def _quantize(self, name: str, scale: str, zero: str) -> str:
        """Adds the nodes that put a tensor into 8 bits and back, and returns what comes out."""
        inputs, output = [name, scale, zero], name
        for op in ("QuantizeLinear", "DequantizeLinear"):
            output = f"{name}/{op}"
            node = helper.make_node(op, inputs, [output], output)
            self._nodes[output] = node
            for one in inputs:
                self._takers[one].append(node)
            inputs = [output, scale, zero]
        return output

    def _constant(self, name: str, array: NDArray[Any]) -> str:
        self._constants[name] = numpy_helper.from_array(array, name)
        return name


def _sorted(nodes: Mapping[str, NodeProto]) -> list[NodeProto]:
    """The nodes, each after those that give its inputs."""
    order: dict[str, NodeProto] = {}
    waiting = [(name, False) for name in reversed(list(nodes))]
    while waiting:
        name, ready = waiting.pop()
        if name not in nodes or name in order:
            continue
        if ready:
            order[name] = nodes[name]
        else:
            waiting.append((name, True))
            waiting += [(one, False) for one in nodes[name].input]
    return list(order.values())
