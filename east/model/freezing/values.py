"""What a tensor can be while a graph is simplified, and how each is written into the new graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError, GraphError
from .graph import GraphWriter, Ref

Array = NDArray[Any]

FLOAT = np.dtype("float32")
_ONE, _ZERO = np.ones(()), np.zeros(())


@dataclass(eq=False)
class Constant:
    """A tensor known now, float64 wherever it was floating point; ``name`` is of its variable or node."""

    name: str
    array: Array


@dataclass(eq=False)
class Tensor:
    """An output of a node that has been written."""

    ref: Ref


@dataclass(eq=False)
class Convolution:
    """A convolution, to be written when it is known what folds into it."""

    node: Any
    x: Value
    weights: Constant


@dataclass(eq=False)
class Split:
    """An image taken apart into its channels."""

    x: Value
    count: int


@dataclass(eq=False)
class Channel:
    """One output of a `Split`."""

    split: Split
    index: int


@dataclass(eq=False)
class Affine:
    """``base * scale + shift``, per channel; float64, scalars or (C,). ``name`` is of the node that computed it."""

    name: str
    base: Tensor | Convolution | Channel
    scale: Array
    shift: Array

    def then(self, name: str, scale: Array, shift: Array) -> Affine:
        return Affine(name, self.base, self.scale * scale, self.shift * scale + shift)


Value = Constant | Tensor | Convolution | Channel | Affine


def affine(value: Value) -> Affine:
    """``value``, ready to be scaled and shifted."""
    match value:
        case Affine():
            return value
        case Constant(name=name):
            raise GraphError(f"{name!r} is a constant where the network should compute something")
    return Affine("", value, _ONE, _ZERO)


class ValueWriter(GraphWriter):
    """Writes values as nodes, each once; ``prefix`` is taken off the names of nodes."""

    def __init__(self, prefix: str, reserved: Sequence[str]) -> None:
        super().__init__(reserved)
        self._prefix = prefix
        self._written: dict[Value | Split, str] = {}

    def placeholder(self, dtype: str, shape: tuple[int | None, ...]) -> tuple[str, Tensor]:
        """Adds the input, and returns its name and the image as float32."""
        name = image = self.add("Placeholder", "images", [], dtype=np.dtype(dtype), shape=shape)
        if dtype != "float32":
            image = self.add("Cast", "to_float", [name], SrcT=np.dtype(dtype), DstT=FLOAT)
        return name, Tensor(Ref(image))

    def copy(self, node: Any, op: str, inputs: Sequence[Value]) -> Tensor:
        """Writes a node like ``node``, whose operation ``op`` is."""
        attributes = {name: value for name, value in node.attr.items() if not name.startswith("_")}
        written = [self.write(value) for value in inputs]
        return Tensor(Ref(self.add(op, self._rename(node.name), written, **attributes)))

    def write(self, value: Value | Split) -> str:
        """The reference to ``value`` in the new graph."""
        if value not in self._written:
            self._written[value] = self._write(value)
        return self._written[value]

    def _rename(self, name: str) -> str:
        return name.removeprefix(self._prefix)

    def _write(self, value: Value | Split) -> str:
        match value:
            case Tensor(ref=ref):
                written = str(ref)
            case Constant(name=name, array=array):
                written = self.constant(self._rename(name), array)
            case Convolution():
                written = self._convolution(value, _ONE, _ZERO)
            case Affine(base=Convolution() as convolution, scale=scale, shift=shift):
                written = self._convolution(convolution, scale, shift)
            case Affine():
                written = self._affine(value)
            case Split(x=x, count=count):
                axis = self.constant("channels/axis", np.array(3, np.int32))
                written = self.add("Split", "channels", [axis, self.write(x)], num_split=count, T=FLOAT)
            case Channel(split=split, index=index):
                written = str(Ref(self.write(split), index))
        return written

    def _convolution(self, convolution: Convolution, scale: Array, shift: Array) -> str:
        node, variable = convolution.node, convolution.weights.name
        scope = variable.removesuffix("/weights")
        scope = scope if scope != variable else self._rename(node.name).removesuffix("/Conv2D")
        weights = convolution.weights.array * scale
        if not (np.isfinite(weights).all() and np.isfinite(shift).all()):
            raise CheckpointError(f"the variables of {scope!r} are not all finite: the training has diverged")
        inputs = [self.write(convolution.x), self.constant(f"{scope}/weights", weights)]
        attributes = {name: value for name, value in node.attr.items() if not name.startswith("_")}
        name = self.add("Conv2D", f"{scope}/Conv2D", inputs, **attributes)
        if not shift.any():
            return name
        biases = self.constant(f"{scope}/biases", np.broadcast_to(shift, weights.shape[-1:]))
        return self.add("BiasAdd", f"{scope}/BiasAdd", [name, biases], T=FLOAT)

    def _affine(self, value: Affine) -> str:
        result = self.write(value.base)
        if (value.scale != 1).any():
            result = self._arithmetic("Mul", value.name, result, value.scale)
        if (value.shift < 0).all():
            return self._arithmetic("Sub", value.name, result, -value.shift)
        return self._arithmetic("AddV2", value.name, result, value.shift) if value.shift.any() else result

    def _arithmetic(self, op: str, name: str, x: str, operand: Array) -> str:
        node = f"{self._rename(name).removesuffix(f'/{op}')}/{op}"
        return self.add(op, node, [x, self.constant(f"{node}/y", operand)], T=FLOAT)
