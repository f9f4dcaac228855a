"""Candidate selection inside an ONNX model, so that only what is wanted leaves the device, in one piece.

The same as `east.runtimes.gpu.selection` does inside a TensorFlow graph, in the same form.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from .selection import PACKED, SHARE, THRESHOLD


def with_selection(model: ModelProto) -> ModelProto:
    """Adds the input `THRESHOLD`, float32 (1,), and the output `PACKED`, float32 (N, length), to a model of maps.

    Args:
        model: with the outputs score ``(N, h, w, 1)`` and geometry ``(N, h, w, 5)``, which stay.
    """
    made = ModelProto()
    made.CopyFrom(model)
    score, geometry = (output.name for output in made.graph.output)
    selection = _Selection()
    selection.pack(score, geometry)
    made.graph.node.extend(selection.nodes)
    made.graph.initializer.extend(selection.constants)
    made.graph.input.append(helper.make_tensor_value_info(THRESHOLD, TensorProto.FLOAT, [1]))
    made.graph.output.append(helper.make_tensor_value_info(PACKED, TensorProto.FLOAT, ["batch", "packed_length"]))
    return made


class _Selection:
    """The nodes that select, one after the other; each gives one tensor, which is called like the node."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def pack(self, score: str, geometry: str) -> None:
        """Adds all of them; the last one gives `PACKED`."""
        flat = self._add("Reshape", score, self._constant([0, -1]))
        passed = self._add("Greater", flat, THRESHOLD)
        rank = self._add("CumSum", self._integer(passed), self._constant(1))
        shape = self._add("Shape", flat)
        pixels = self._add("Gather", shape, self._constant([1]))
        slots = self._add("Div", self._add("Add", pixels, self._constant([SHARE - 1])), self._constant([SHARE]))
        # A pixel goes to the slot of its rank; those that did not pass, or find no slot, share one behind the last.
        last = self._integer(slots)
        kept = self._add("And", passed, self._add("LessOrEqual", rank, last))
        slot = self._add("Where", kept, self._add("Sub", rank, self._constant(1, np.int32)), last)
        empty = self._add("Expand", self._constant([[0]], np.int32), shape)  # TensorRT wants it as wide as what goes in
        row = self._add("Range", self._constant(0), self._add("Squeeze", pixels), self._constant(1))
        index = self._add("Expand", self._integer(row), shape)
        filled = self._add("ScatterElements", empty, slot, index, axis=1)
        chosen = self._add("Slice", filled, self._constant([0]), slots, self._constant([1]))
        at = self._add("Unsqueeze", self._add("Cast", chosen, to=TensorProto.INT64), self._constant([2]))
        vectors = self._add("Reshape", geometry, self._constant([0, -1, 5]))
        picked = self._add("GatherND", vectors, at, batch_dims=1)
        found = self._add(
            "Slice", rank, self._constant([-1]), self._constant([np.iinfo(np.int64).max]), self._constant([1])
        )
        parts = [flat, self._float(chosen), self._add("Reshape", picked, self._constant([0, -1])), self._float(found)]
        self.nodes.append(helper.make_node("Concat", parts, [PACKED], PACKED, axis=1))

    def _integer(self, tensor: str) -> str:
        return self._add("Cast", tensor, to=TensorProto.INT32)

    def _float(self, tensor: str) -> str:
        return self._add("Cast", tensor, to=TensorProto.FLOAT)

    def _add(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"selection/{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def _constant(self, value: Any, dtype: DTypeLike = np.int64) -> str:
        name = f"selection/constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(value, dtype), name))
        return name
