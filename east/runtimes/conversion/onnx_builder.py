"""ONNX graphs in the making: nodes and initializers one after the other, and the model they end up in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import DTypeLike, NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from ...errors import ConversionError

OPSET: Final = 17
IR_VERSION: Final = 8
"""What ONNX Runtime 1.13, TensorRT 8.6 and everything later read."""

PRODUCER: Final = "east-text-detector"

Dims = Sequence[int | str]


def onnx_type(dtype: DTypeLike) -> int:
    """ONNX's number of a NumPy type."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


class OnnxBuilder:
    """Nodes in the order in which they are computed; each gives one tensor, which is called like the node."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeProto] = {}
        self._initializers: dict[str, TensorProto] = {}

    def add(self, op: str, name: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Adds a node and returns its tensor's name, which is ``name`` unless that is taken."""
        name = self._unique(name)
        self._nodes[name] = helper.make_node(op, list(inputs), [name], name, **attributes)
        return name

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """Adds an initializer and returns its name; the same array under the same name is there once."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
        if name in self._initializers and self._initializers[name] == tensor:
            return name
        tensor.name = self._unique(name)
        self._initializers[tensor.name] = tensor
        return tensor.name

    def append_input(self, node: str, tensor: str) -> None:
        """Gives a node one more input."""
        self._nodes[node].input.append(tensor)

    def count_inputs(self, node: str) -> int:
        """How many inputs a node has."""
        return len(self._nodes[node].input)

    def model(
        self,
        inputs: Mapping[str, tuple[DTypeLike, Dims]],
        outputs: Mapping[str, tuple[DTypeLike, Dims]],
        metadata: Mapping[str, str],
    ) -> ModelProto:
        """The model of all that its outputs depend on, checked.

        Args:
            inputs: type and sides of each input by its name; a side that may be any has a name.
            outputs: likewise.
            metadata: what else is on record, by name.

        Raises:
            ConversionError: it does not pass ONNX's checker.
        """
        nodes, initializers = self._needed(outputs)
        values = [[_value(name, *about) for name, about in side.items()] for side in (inputs, outputs)]
        graph = helper.make_graph(nodes, "east", values[0], values[1], initializers)
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name=PRODUCER)
        helper.set_model_props(model, dict(metadata))
        try:
            onnx.checker.check_model(model, full_check=True)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
            raise ConversionError(f"this graph makes no valid ONNX model: {str(error).splitlines()[0]}") from error
        return model

    def _needed(self, outputs: Mapping[str, object]) -> tuple[list[NodeProto], list[TensorProto]]:
        needed = set(outputs)
        nodes = []
        for name, node in reversed(self._nodes.items()):
            if name in needed:
                needed.update(node.input)
                nodes.append(node)
        return nodes[::-1], [tensor for name, tensor in self._initializers.items() if name in needed]

    def _unique(self, name: str) -> str:
        taken, number = name, 1
        while taken in self._nodes or taken in self._initializers:
            taken, number = f"{name}_{number}", number + 1
        return taken


def _value(name: str, dtype: DTypeLike, dims: Dims) -> Any:
    return helper.make_tensor_value_info(name, onnx_type(dtype), list(dims))
