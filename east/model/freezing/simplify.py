"""Reduces a graph to what inference needs, by evaluating it symbolically.

Every tensor becomes a value: a constant, a convolution not written yet, a tensor of the new graph, or one of
these scaled and shifted per channel. Batch normalization in all its forms, biases and scalings are then the same
thing, collected in float64 and folded into the convolution when some other operation asks for the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from ...errors import GraphError
from ..checkpoint import check_variables
from ..frozen import GEOMETRY, INPUT, SCORE, InputDtype
from ..graphdef import array_of, dtype_name, shape_of
from .graph import Ref, SourceGraph, attribute, origin
from .values import Affine, Array, Channel, Constant, Convolution, Split, Tensor, Value, ValueWriter, affine

_CHANNEL_AXES = (3, -1)
_VARIABLES = frozenset(["Variable", "VariableV2", "VarHandleOp"])
_FOLDED: dict[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Mul": np.multiply,
    "Neg": np.negative,
    "RealDiv": np.true_divide,
    "Reshape": np.reshape,
    "Rsqrt": lambda x: 1 / np.sqrt(x),
    "Sqrt": np.sqrt,
    "Square": np.square,
    "Sub": np.subtract,
}


def simplify(graph: SourceGraph, input_dtype: InputDtype) -> Any:
    """Returns a GraphDef that computes the maps from a placeholder of ``input_dtype``, under their usual names.

    Raises:
        GraphError: something is left of training that cannot be folded, or the graph is quantized.
        CheckpointError: variables are missing, mis-shaped or not finite.
    """
    return _Evaluation(graph, ValueWriter(graph.tower, [INPUT, SCORE, GEOMETRY])).run(input_dtype)


class _Evaluation:
    def __init__(self, graph: SourceGraph, writer: ValueWriter) -> None:
        self.graph, self.nodes, self.writer = graph, graph.nodes, writer
        self.variables = {name for name, node in graph.nodes.items() if node.op in _VARIABLES}
        self.statistics = _batch_statistics(graph.nodes, self.variables)
        self.values: dict[Ref, Value] = {}

    def run(self, input_dtype: InputDtype) -> Any:
        shape = _shape_of_images(self.nodes[self.graph.image.node])
        placeholder, self.image = self.writer.placeholder(input_dtype, shape)
        self.values[self.graph.image] = self.image
        outputs = {SCORE: self._origin(str(self.graph.score)), GEOMETRY: self._origin(str(self.graph.geometry))}
        with np.errstate(all="ignore"):  # what is not finite is reported where it is written
            for name in self._order(outputs.values()):
                self._evaluate(self.nodes[name])
            written = {self.writer.write(self._value(str(ref))): name for name, ref in outputs.items()}
        if len(written) < len(outputs) or any(Ref.parse(ref).output for ref in written):
            raise GraphError(f"score and geometry must be two nodes with one output each, not {', '.join(written)}")
        return self.writer.finish({placeholder: INPUT, **written})

    def _origin(self, text: str) -> Ref:
        return origin(self.nodes, text, stops=(self.graph.image.node,))

    def _variable_name(self, ref: Ref) -> str | None:
        return ref.node if ref.node in self.variables else self.statistics.get(ref)

    def _order(self, outputs: Iterable[Ref]) -> list[str]:
        """The nodes that the outputs depend on, each after its inputs, the image and variables not among them."""
        depends: dict[str, list[str]] = {}
        shapes: dict[str, tuple[int, ...]] = {}
        waiting = list(outputs)
        while waiting:
            ref = waiting.pop()
            variable = self._variable_name(ref)
            if variable:
                shapes[variable] = self._shape(ref, variable)
            if variable or ref == self.graph.image or ref.node in depends:
                continue
            if ref.node not in self.nodes:
                raise GraphError(f"the graph refers to a node {ref.node!r} that it does not have")
            inputs = [self._origin(text) for text in self.nodes[ref.node].input if not text.startswith("^")]
            depends[ref.node] = [i.node for i in inputs if i != self.graph.image and not self._variable_name(i)]
            waiting += inputs
        check_variables(self.graph.variables, shapes, self.graph.label)
        try:
            return list(TopologicalSorter(depends).static_order())
        except CycleError as error:
            raise GraphError(f"the graph has a loop at {error.args[1][0]!r}: it is not a plain network") from None

    def _shape(self, ref: Ref, variable: str) -> tuple[int, ...]:
        """The shape a variable should have, as far as the graph says so."""
        declared = shape_of(attribute(self.nodes[ref.node], "shape").shape)
        if ref.node in self.variables and declared is not None and None not in declared:
            return tuple(side for side in declared if side is not None)
        return self.graph.variables[variable].shape if variable in self.graph.variables else ()

    def _value(self, text: str) -> Value:
        ref = self._origin(text)
        if ref not in self.values:
            variable, first = self._variable_name(ref), self.values.get(Ref(ref.node))
            if variable:
                self.values[ref] = self._variable(variable)
            elif isinstance(first, Tensor):
                self.values[ref] = Tensor(Ref(first.ref.node, ref.output))
            else:
                raise GraphError(f"{str(ref)!r} is not something that inference computes")
        return self.values[ref]

    def _variable(self, name: str) -> Constant:
        return Constant(name, self.graph.variables[name].astype(np.float64))

    def _evaluate(self, node: Any) -> None:
        inputs = [self._value(text) for text in node.input if not text.startswith("^")]
        handler = _HANDLERS.get(node.op)
        try:
            result = (handler and handler(self, node, inputs)) or _folded(node, inputs)
        except ValueError as error:
            raise GraphError(f"{node.op} {node.name!r} does not fit what it is computed from: {error}") from error
        if result is None:
            result = self.writer.copy(node, node.op, inputs)
        outputs = result if isinstance(result, list) else [result]
        self.values.update({Ref(node.name, index): value for index, value in enumerate(outputs)})

    # Operations that mean something here; None leaves one to be folded or copied.

    def _const(self, node: Any, _: list[Value]) -> Value:
        array = array_of(node.attr["value"].tensor)
        return Constant(node.name, array.astype(np.float64) if array.dtype.kind == "f" else array)

    def _cast(self, node: Any, inputs: list[Value]) -> Value | None:
        source, target = (dtype_name(node.attr[end].type) for end in ("SrcT", "DstT"))
        match inputs[0]:
            case Constant(array=array):
                return Constant(node.name, array.astype(np.float64 if "float" in target else target))
            case value if "float" in target and (value is self.image or "float" in source):
                return value  # in single precision all along
        return None

    def _squeeze(self, node: Any, inputs: list[Value]) -> Value | None:
        if not isinstance(inputs[0], Constant):
            return None
        axes = tuple(attribute(node, "squeeze_dims").list.i)
        return Constant(node.name, np.squeeze(inputs[0].array, axes or None))

    def _convolution(self, node: Any, inputs: list[Value]) -> Value | None:
        _check_layout(node)
        x, weights = inputs
        if not isinstance(weights, Constant):
            return None
        if isinstance(x, Affine) and not x.shift.any():  # zeros around it stay zeros
            return Convolution(node, x.base, Constant(weights.name, weights.array * x.scale.reshape(-1, 1)))
        return Convolution(node, x, weights)

    def _arithmetic(self, node: Any, inputs: list[Value]) -> Value | None:
        """Addition, subtraction, multiplication and division by a constant."""
        _check_layout(node)
        match inputs:
            case (Constant(), Constant()):
                return None
            case (x, Constant(array=c)) if _per_channel(c):
                sign = 1
            case (Constant(array=c), x) if _per_channel(c) and node.op != "RealDiv":
                sign = -1
            case _:
                return self.writer.copy(node, "AddV2", inputs) if node.op == "Add" else None
        c = c.reshape(-1) if c.ndim else c
        one, zero = np.ones(()), np.zeros(())
        if node.op == "Mul":
            return affine(x).then(node.name, c, zero)
        if node.op == "RealDiv":
            return affine(x).then(node.name, 1 / c, zero)
        if node.op == "Sub":
            return affine(x).then(node.name, one * sign, -c * sign)
        return affine(x).then(node.name, one, c)

    def _batch_norm(self, node: Any, inputs: list[Value]) -> list[Value]:
        _check_layout(node)
        x, *parameters = inputs
        gamma, beta, mean, variance = (p if isinstance(p, Constant) else Constant("", np.empty(0)) for p in parameters)
        if "is_training" not in node.attr or node.attr["is_training"].b:
            mean, variance = (self._moving(node, gamma, beta, name) for name in ("moving_mean", "moving_variance"))
        epsilon = node.attr["epsilon"].f if "epsilon" in node.attr else 1e-4
        scale = gamma.array / np.sqrt(variance.array + epsilon)
        return [affine(x).then(node.name, scale, beta.array - mean.array * scale), mean, variance]

    def _moving(self, node: Any, gamma: Constant, beta: Constant, name: str) -> Constant:
        """The moving average that lies beside a batch normalization's other variables."""
        for parameter in (gamma, beta):
            variable = f"{parameter.name.rpartition('/')[0]}/{name}"
            if variable in self.graph.variables:
                return self._variable(variable)
        raise GraphError(f"batch normalization {node.name!r} is in training mode, and there is no {name} for it")

    def _reduction(self, node: Any, inputs: list[Value]) -> None:
        match inputs:
            case (_, Constant(array=axes)) if (axes == 0).any():
                raise GraphError(f"{node.name!r} reduces over the batch: the graph is in training mode")

    def _split(self, node: Any, inputs: list[Value]) -> list[Value] | None:
        axis, x = inputs
        count = node.attr["num_split"].i
        if not isinstance(axis, Constant) or isinstance(x, Constant):
            return None
        if axis.array == 0 and x is self.image:  # a batch dealt out to towers: the one that is kept gets all of it
            return [x] * count
        if axis.array in _CHANNEL_AXES:
            split = Split(x, count)
            return [affine(Channel(split, index)) for index in range(count)]
        return None

    def _concat(self, _: Any, inputs: list[Value]) -> Value | None:
        """An image put together again from its channels, each scaled or shifted."""
        *parts, axis = inputs
        if not isinstance(axis, Constant) or axis.array not in _CHANNEL_AXES:
            return None
        channels = [(p, p.base) for p in parts if isinstance(p, Affine) and isinstance(p.base, Channel)]
        if len(channels) < len(parts):
            return None
        split = channels[0][1].split
        if [(c.split, c.index) for _, c in channels] != [(split, index) for index in range(split.count)]:
            return None
        scale, shift = (np.array([float(getattr(p, name)) for p, _ in channels]) for name in ("scale", "shift"))
        return affine(split.x).then(channels[0][0].name, scale, shift)

    def _quantized(self, node: Any, _: list[Value]) -> None:
        raise GraphError(
            f"{self.graph.label} is in 8 bits ({node.op} {node.name!r}): give the weights that it was made of, and "
            "ask for precision INT8"
        )

    def _pad(self, node: Any, inputs: list[Value]) -> Value | None:
        match inputs:
            case (x, paddings, Constant(array=fill)) if not fill.any():
                return self.writer.copy(node, "Pad", [x, paddings])
        return None


_HANDLERS: dict[str, Callable[[_Evaluation, Any, list[Value]], Value | list[Value] | None]] = {
    "Add": _Evaluation._arithmetic,
    "AddV2": _Evaluation._arithmetic,
    "BiasAdd": _Evaluation._arithmetic,
    "Cast": _Evaluation._cast,
    "ConcatV2": _Evaluation._concat,
    "Const": _Evaluation._const,
    "Conv2D": _Evaluation._convolution,
    "FusedBatchNorm": _Evaluation._batch_norm,
    "FusedBatchNormV2": _Evaluation._batch_norm,
    "FusedBatchNormV3": _Evaluation._batch_norm,
    "Mean": _Evaluation._reduction,
    "Mul": _Evaluation._arithmetic,
    "PadV2": _Evaluation._pad,
    "QuantizeAndDequantizeV2": _Evaluation._quantized,
    "QuantizeAndDequantizeV3": _Evaluation._quantized,
    "RealDiv": _Evaluation._arithmetic,
    "Split": _Evaluation._split,
    "Squeeze": _Evaluation._squeeze,
    "Sub": _Evaluation._arithmetic,
    "Sum": _Evaluation._reduction,
}


def _shape_of_images(node: Any) -> tuple[int | None, ...]:
    """The shape of the images that a graph takes, of any number, whatever it was declared for."""
    declared = shape_of(attribute(node, "shape").shape)
    if declared is None:
        return (None, None, None, 3)
    if len(declared) != 4 or declared[3] not in (None, 3):
        raise GraphError(f"the input {node.name!r} takes {declared}, and images are (N, H, W, 3)")
    return (None, *declared[1:3], 3)


def _folded(node: Any, inputs: list[Value]) -> Constant | None:
    """The result, where everything it is computed from is constant."""
    arrays = [value.array for value in inputs if isinstance(value, Constant)]
    if node.op not in _FOLDED or len(arrays) < len(inputs):
        return None
    return Constant(node.name, np.asarray(_FOLDED[node.op](*arrays)))


def _per_channel(array: Array) -> bool:
    """Whether a constant is floating point and one number, or one for each channel of an NHWC tensor."""
    return array.dtype.kind == "f" and (array.ndim in (0, 1) or (array.ndim == 4 and array.size == array.shape[-1]))


def _check_layout(node: Any) -> None:
    if attribute(node, "data_format").s not in (b"", b"NHWC"):
        raise GraphError(f"{node.name!r} has its channels first; export the graph with data_format NHWC")


def _batch_statistics(nodes: Mapping[str, Any], variables: Collection[str]) -> dict[Ref, str]:
    """The tensors that training averages into a variable: ``variable -= (variable - tensor) * rate``."""
    statistics = {}

    def producer(text: str, op: str) -> Any:
        node = nodes.get(origin(nodes, text).node)
        return node if node is not None and node.op == op else None

    for update in nodes.values():
        if update.op in ("AssignSub", "AssignSubVariableOp"):
            variable = origin(nodes, update.input[0]).node
            step = producer(update.input[1], "Mul")
            difference = producer(step.input[0], "Sub") if step is not None else None
            if difference is not None and variable in variables:
                average, tensor = (origin(nodes, text) for text in difference.input)
                if average.node == variable:
                    statistics[tensor] = variable
    return statistics
