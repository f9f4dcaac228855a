"""A frozen graph as an ONNX model.

Images come in as the frozen graph takes them, uint8 or float32 ``(N, H, W, 3)``, and maps go out as it gives them,
under the same names. Inside, channels come first, as ONNX's operations want them. Sizes are worked out here: each
side is a number or a known share of the images' own, so that no arithmetic of shapes is left to whoever runs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from ...errors import ConversionError
from ...model.freezing.graph import attribute
from ...model.frozen import FrozenModel
from ...model.graphdef import array_of, dtype_name
from ...types import Size
from .onnx_builder import OnnxBuilder, onnx_type
from .sides import Pads, Share, Side, Window

_CHANNELS_FIRST: Final = (0, 3, 1, 2)
_CHANNELS_LAST: Final = (0, 2, 3, 1)
_BINARY: Final[dict[str, tuple[str, Callable[[Any, Any], Any]]]] = {
    "Add": ("Add", np.add),
    "AddV2": ("Add", np.add),
    "Sub": ("Sub", np.subtract),
    "Mul": ("Mul", np.multiply),
    "RealDiv": ("Div", np.true_divide),
    "Maximum": ("Max", np.maximum),
    "Minimum": ("Min", np.minimum),
}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the ONNX graph, ``(N, C, H, W)``.

    Attributes:
        name: of the node that gives it.
        dtype: of its elements.
        sides: how many there are, their height and their width.
        channels: how many.
        pads: zeros that are still to be put around it.
    """

    name: str
    dtype: np.dtype[Any]
    sides: tuple[Side, Side, Side]
    channels: int
    pads: Pads = (0, 0, 0, 0)


class Weights(NamedTuple):
    """Constant weights in 8 bits: whole numbers, and the step between them of each output channel, or of all."""

    numbers: NDArray[Any]
    step: NDArray[np.float32]


Value = Tensor | Weights | NDArray[Any]


def to_onnx(frozen: FrozenModel, size: Size | None = None, batch: int | None = None) -> ModelProto:
    """Writes a frozen graph as an ONNX model, which passes ONNX's checker.

    Args:
        frozen: in single or half precision, or in 8 bits as `quantized` gives it, whose ranges become QuantizeLinear
            and DequantizeLinear. `upsample_late` makes what comes out faster.
        size: the only size of images it takes, None for any whose sides are multiples of 32.
        batch: how many it takes at once, None for any number.

    Raises:
        ConversionError: the graph has something that is not supported here; the message names the node.
    """
    return _Translation(frozen, size, batch).model()


class _Translation:
    """Goes through the nodes in their order; ``values`` are the results so far."""

    def __init__(self, frozen: FrozenModel, size: Size | None, batch: int | None) -> None:
        self.frozen = frozen
        self.outputs = (frozen.score_name, frozen.geometry_name)
        self.images = (batch, *_sides(frozen, size))
        self.nodes = {node.name: node for node in frozen.graph_def.node}
        self.uses = Counter(_source(text) for node in frozen.graph_def.node for text in node.input)
        self.uses.update(self.outputs)
        self.builder = OnnxBuilder()
        self.values: dict[str, Value] = {}
        self.halves: dict[str, Tensor] = {}  # by the names of tensors that are the same in single precision

    def model(self) -> ModelProto:
        for node in _in_order(self.nodes, self.outputs):
            self.values[node.name] = self._value(node)
        maps = {}
        for name in self.outputs:
            value = self._tensor(self.nodes[name], self.values[name])
            self.builder.add("Transpose", name, [value.name], perm=_CHANNELS_LAST)
            labels = ("batch", "map_height", "map_width")
            sides = [one if isinstance(one, int) else label for one, label in zip(value.sides, labels, strict=True)]
            maps[name] = (value.dtype, [*sides, value.channels])
        labels = ("batch", "height", "width")
        sides = [one or label for one, label in zip(self.images, labels, strict=True)]
        images = {self.frozen.input_name: (np.dtype(self.frozen.input_dtype), [*sides, 3])}
        metadata = {"weights_sha256": self.frozen.weights_sha256, "precision": self._precision()}
        return self.builder.model(images, maps, metadata)

    def _precision(self) -> str:
        if any(isinstance(value, Weights) for value in self.values.values()):
            return "INT8"
        half = any(isinstance(value, Tensor) and value.dtype == np.float16 for value in self.values.values())
        return "FP16" if half else "FP32"

    def _value(self, node: Any) -> Value:
        handler = _HANDLERS.get(node.op)
        if handler is None:
            raise ConversionError(f"{node.op} {node.name!r} is not supported in an export to ONNX")
        inputs = [self.values[_source(text)] for text in node.input if not text.startswith("^")]
        try:
            return handler(self, node, inputs)
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise _unsupported(node, str(error)) from error

    # Tensors and constants

    def _tensor(self, node: Any, value: Value) -> Tensor:
        """The value as a tensor with all its padding done; ``node`` is who asks."""
        if not isinstance(value, Tensor):
            raise _unsupported(node, "it takes a constant where only the network's tensors are supported")
        return self._padded(value, 0) if any(value.pads) else value

    def _padded(self, x: Tensor, fill: float) -> Tensor:
        top, left, bottom, right = x.pads
        pads = self.builder.constant(f"{x.name}/pads", np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
        value = self.builder.constant(f"{x.name}/fill", np.array(fill, x.dtype))
        name = self.builder.add("Pad", f"{x.name}/padded", [x.name, pads, value])
        return Tensor(name, x.dtype, _padded_sides(x), x.channels)

    def _add(self, node: Any, op: str, like: Tensor, inputs: Sequence[str], **attributes: Any) -> Tensor:
        """Adds a node whose tensor is of the type and the sides of ``like``.

        It is called like TensorFlow's, but for the outputs: these names are kept for where channels come last again.
        """
        name = f"{node.name}/channels_first" if node.name in self.outputs else str(node.name)
        return replace(like, name=self.builder.add(op, name, inputs, **attributes))

    def _operand(self, node: Any, value: Value, dtype: np.dtype[Any]) -> str:
        """The name of a tensor, or of a constant that is spread over one."""
        if not isinstance(value, np.ndarray):
            return self._tensor(node, value).name
        spread = value.reshape((1,) * (4 - value.ndim) + value.shape).transpose(_CHANNELS_FIRST)
        spread = value if value.ndim == 0 else spread[0] if len(spread) == 1 else spread
        return self.builder.constant(f"{node.name}/constant", spread.astype(dtype))

    # Operations, each from its node and the values that it is computed from

    def _placeholder(self, node: Any, _: list[Value]) -> Value:
        if node.name != self.frozen.input_name:
            raise _unsupported(node, "the graph has a second input")
        images = node.name
        if self.frozen.input_dtype == "uint8":  # which TensorRT casts, and does nothing else with
            images = self.builder.add("Cast", f"{node.name}/float32", [images], to=onnx_type(np.float32))
        name = self.builder.add("Transpose", f"{node.name}/channels_first", [images], perm=_CHANNELS_FIRST)
        batch, height, width = (one or Share(axis) for axis, one in enumerate(self.images))
        return Tensor(name, np.dtype(np.float32), (batch, height, width), 3)

    def _constant(self, node: Any, _: list[Value]) -> Value:
        return array_of(attribute(node, "value").tensor)

    def _same(self, _: Any, inputs: list[Value]) -> Value:
        return inputs[0]

    def _cast(self, node: Any, inputs: list[Value]) -> Value:
        target = np.dtype(dtype_name(attribute(node, "DstT").type))
        if isinstance(inputs[0], np.ndarray):
            return inputs[0] if inputs[0].dtype == object else inputs[0].astype(target)
        x = self._tensor(node, inputs[0])
        if x.dtype == target:
            return x
        if target == np.float16 and x.name in self.halves:
            return self.halves[x.name]
        found = self._add(node, "Cast", replace(x, dtype=target), [x.name], to=onnx_type(target))
        if x.dtype == np.float16 and target == np.float32:
            self.halves[found.name] = x
        return found

    def _unary(self, node: Any, inputs: list[Value]) -> Value:
        x = self._tensor(node, inputs[0])
        slope = {"alpha": attribute(node, "alpha").f} if node.op == "LeakyRelu" else {}
        return self._add(node, node.op, x, [x.name], **slope)

    def _relu6(self, node: Any, inputs: list[Value]) -> Value:
        x = self._tensor(node, inputs[0])
        bounds = [self.builder.constant(f"{node.name}/{bound}", np.array(bound, x.dtype)) for bound in (0, 6)]
        return self._add(node, "Clip", x, [x.name, *bounds])

    def _binary(self, node: Any, inputs: list[Value]) -> Value:
        op, compute = _BINARY[node.op]
        arrays = [value for value in inputs if isinstance(value, np.ndarray)]
        if len(arrays) == 2:
            return np.asarray(compute(*arrays))
        tensors = [self._tensor(node, value) for value in inputs if not isinstance(value, np.ndarray)]
        if len({tensor.sides for tensor in tensors}) > 1:
            raise _unsupported(node, "its tensors differ in height or width")
        if op == "Add" and arrays and arrays[0].ndim == 1 and self._biased(node, tensors[0], arrays[0]):
            return tensors[0]
        channels = [tensor.channels for tensor in tensors] + [array.shape[-1] for array in arrays if array.ndim]
        like = replace(tensors[0], channels=max(channels))
        return self._add(node, op, like, [self._operand(node, value, like.dtype) for value in inputs])

    def _bias(self, node: Any, inputs: list[Value]) -> Value:
        _check_layout(node)
        x, bias = self._tensor(node, inputs[0]), _array(node, inputs[1])
        if self._biased(node, x, bias):
            return x
        return self._add(node, "Add", x, [x.name, self._operand(node, bias, x.dtype)])

    def _biased(self, node: Any, x: Tensor, bias: NDArray[Any]) -> bool:
        """Whether the bias is left to the convolution before it, or to one of those that are added up there.

        Nobody else may need what comes before.
        """
        [before] = {_source(text) for text in node.input if isinstance(self.values[_source(text)], Tensor)}
        added = self.nodes[before].op in ("Add", "AddV2")
        for name in map(_source, self.nodes[before].input) if added else [before]:
            convolution = self.values[name]
            if self.nodes[name].op != "Conv2D" or not isinstance(convolution, Tensor):
                continue
            alone = self.uses[before] == self.uses[name] == 1 and convolution.dtype == bias.dtype == x.dtype
            if alone and bias.shape == (convolution.channels,) and self.builder.count_inputs(convolution.name) == 2:
                self.builder.append_input(convolution.name, self.builder.constant(f"{node.name}/bias", bias))
                return True
        return False

    def _pad(self, node: Any, inputs: list[Value]) -> Value:
        x, paddings, *fill = inputs
        around = _array(node, paddings)
        if not isinstance(x, Tensor) or around.shape != (4, 2) or around[[0, 3]].any():
            raise _unsupported(node, "only height and width can be padded")
        (top, bottom), (left, right) = around[1:3].tolist()
        if fill and _array(node, fill[0]).any():
            bare = replace(self._tensor(node, x), pads=(top, left, bottom, right))
            return self._padded(bare, float(_array(node, fill[0])))
        return replace(x, pads=_sum(x.pads, (top, left, bottom, right)))

    def _convolution(self, node: Any, inputs: list[Value]) -> Value:
        _check_layout(node)
        x, kernel = inputs
        if not isinstance(x, Tensor) or isinstance(kernel, Tensor):
            raise _unsupported(node, "its weights are no constant")
        array = kernel.numbers if isinstance(kernel, Weights) else kernel
        height, width, into, out = array.shape
        groups, out = (into, into * out) if node.op == "DepthwiseConv2dNative" else (x.channels // into, out)
        array = array.reshape(height, width, -1, out).transpose(3, 2, 0, 1)
        name = _source(node.input[1])
        if isinstance(kernel, Weights):
            weights = self._dequantized(name, array, kernel.step)
        else:
            weights = self.builder.constant(name, array)
        window = Window.of(node, (height, width))
        x, pads, sides = self._windowed(x, window, merge=True)
        like = Tensor("", x.dtype, sides, out)
        return self._add(node, "Conv", like, [x.name, weights], group=groups, dilations=window.dilations, **pads)

    def _pooling(self, node: Any, inputs: list[Value]) -> Value:
        _check_layout(node)
        height, width = tuple(attribute(node, "ksize").list.i)[1:3]
        x, pads, sides = self._windowed(self._tensor(node, inputs[0]), Window.of(node, (height, width)), merge=False)
        op = {"MaxPool": "MaxPool", "AvgPool": "AveragePool"}[node.op]
        return self._add(node, op, replace(x, sides=sides), [x.name], **pads)

    def _windowed(
        self, x: Tensor, window: Window, *, merge: bool
    ) -> tuple[Tensor, dict[str, Any], tuple[Side, Side, Side]]:
        """What a window goes over, how it goes there, and the sides of what comes out.

        With ``merge`` the zeros around ``x`` are left to the window, unless it pads by a rule of its own.
        """
        if any(x.pads) and not (merge and window.padding != "SAME"):
            x = self._padded(x, 0)
        batch, *sides = x.sides
        height, width = sides
        common = {"kernel_shape": window.kernel, "strides": window.strides}
        pads = window.pads((height, width))
        if pads is None:
            return x, {**common, "auto_pad": "SAME_UPPER"}, (batch, None, None)
        pads = _sum(pads, x.pads)
        return replace(x, pads=(0, 0, 0, 0)), {**common, "pads": pads}, (batch, *window.out((height, width), pads))

    def _concat(self, node: Any, inputs: list[Value]) -> Value:
        *parts, axis = inputs
        along = int(_array(node, axis))
        if all(isinstance(part, np.ndarray) for part in parts):
            return np.asarray(np.concatenate([_array(node, part).astype(object) for part in parts], along))
        tensors = [self._tensor(node, part) for part in parts]
        if along not in (3, -1) or len({tensor.sides for tensor in tensors}) > 1:
            raise _unsupported(node, "only channels of tensors of one size can be joined")
        like = replace(tensors[0], channels=sum(tensor.channels for tensor in tensors))
        return self._add(node, "Concat", like, [tensor.name for tensor in tensors], axis=1)

    def _resize(self, node: Any, inputs: list[Value]) -> Value:
        x, wanted = self._tensor(node, inputs[0]), _array(node, inputs[1])
        batch, height, width = x.sides
        doubled = (height and height * 2, width and width * 2)
        if attribute(node, "align_corners").b or attribute(node, "half_pixel_centers").b or tuple(wanted) != doubled:
            raise _unsupported(node, "only doubling height and width without half-pixel centres is supported")
        mode = {"ResizeBilinear": "linear", "ResizeNearestNeighbor": "nearest"}[node.op]
        scales = self.builder.constant("twice", np.array([1, 1, 2, 2], np.float32))
        how = {"coordinate_transformation_mode": "asymmetric", "mode": mode, "nearest_mode": "floor"}
        resized = self._add(node, "Resize", replace(x, sides=(batch, *doubled)), [x.name, "", scales], **how)
        if x.dtype != np.float16 or mode == "nearest":
            return resized
        name = self.builder.add("Cast", f"{node.name}/single", [resized.name], to=onnx_type(np.float32))
        self.halves[name] = resized  # TensorFlow's bilinear resize gives single precision, whatever it is given
        return replace(resized, name=name, dtype=np.dtype(np.float32))

    def _quantized(self, node: Any, inputs: list[Value]) -> Value:
        x, low, high = inputs[0], _array(node, inputs[1]), _array(node, inputs[2])
        bits = int(_array(node, inputs[3])) if len(inputs) > 3 else attribute(node, "num_bits").i
        if bits != 8 or not attribute(node, "range_given").b:
            raise _unsupported(node, "only ranges of 8 bits that are given are supported")
        signed = attribute(node, "signed_input").b
        least, most = (-127 if attribute(node, "narrow_range").b else -128, 127) if signed else (0, 255)
        step = high.astype(np.float64) / most
        step = np.maximum(step, low.astype(np.float64) / least) if signed else step
        step = np.maximum(step, np.finfo(np.float32).tiny).astype(np.float32)
        kind = np.dtype(np.int8 if signed else np.uint8)
        if isinstance(x, np.ndarray):
            return Weights(np.clip(np.rint(x / step), least, most).astype(kind), step)
        if not isinstance(x, Tensor) or step.ndim > 0:
            raise _unsupported(node, "only constants can have a range for each channel")
        scale, zero = self._scale(node.name, step.astype(x.dtype), kind)
        numbers = self.builder.add("QuantizeLinear", f"{node.name}/{kind}", [x.name, scale, zero])
        return self._add(node, "DequantizeLinear", x, [numbers, scale, zero])

    def _dequantized(self, name: str, numbers: NDArray[Any], step: NDArray[np.float32]) -> str:
        axis = {"axis": 0} if step.ndim else {}
        inputs = [
            self.builder.constant(f"{name}/{numbers.dtype}", numbers),
            *self._scale(name, step, numbers.dtype),
        ]
        return self.builder.add("DequantizeLinear", name, inputs, **axis)

    def _scale(self, name: str, step: NDArray[Any], kind: np.dtype[Any]) -> tuple[str, str]:
        scale = self.builder.constant(f"{name}/scale", step)
        return scale, self.builder.constant(f"{name}/zero_point", np.zeros(step.shape, kind))

    # Arithmetic of sizes, which is done here

    def _shape(self, node: Any, inputs: list[Value]) -> Value:
        x = self._tensor(node, inputs[0])
        return np.array([*x.sides, x.channels], object)

    def _strided_slice(self, node: Any, inputs: list[Value]) -> Value:
        x, begin, end, step = (_array(node, value) for value in inputs)
        if x.ndim != 1 or len(begin) != 1 or attribute(node, "ellipsis_mask").i or attribute(node, "new_axis_mask").i:
            raise _unsupported(node, "only parts of shapes are supported")
        if attribute(node, "shrink_axis_mask").i:
            return np.array(x[int(begin[0])], object)
        first, last = (
            None if attribute(node, f"{name}_mask").i else int(value[0])
            for name, value in (("begin", begin), ("end", end))
        )
        return np.asarray(x[first : last : int(step[0])])

    def _pack(self, node: Any, inputs: list[Value]) -> Value:
        return np.asarray(np.stack([_array(node, value).astype(object) for value in inputs], attribute(node, "axis").i))


_Handler = Callable[[_Translation, Any, list[Value]], Value]
_HANDLERS: Final[dict[str, _Handler]] = {
    **dict.fromkeys(("Identity", "StopGradient", "PreventGradient", "Snapshot", "EnsureShape"), _Translation._same),
    **dict.fromkeys(
        ("Abs", "Elu", "Exp", "LeakyRelu", "Neg", "Relu", "Sigmoid", "Softplus", "Tanh"), _Translation._unary
    ),
    **dict.fromkeys(_BINARY, _Translation._binary),
    **dict.fromkeys(("Conv2D", "DepthwiseConv2dNative"), _Translation._convolution),
    **dict.fromkeys(("MaxPool", "AvgPool"), _Translation._pooling),
    **dict.fromkeys(("Pad", "PadV2"), _Translation._pad),
    **dict.fromkeys(("ResizeBilinear", "ResizeNearestNeighbor"), _Translation._resize),
    "BiasAdd": _Translation._bias,
    "Cast": _Translation._cast,
    "ConcatV2": _Translation._concat,
    "Const": _Translation._constant,
    "Pack": _Translation._pack,
    "Placeholder": _Translation._placeholder,
    "QuantizeAndDequantizeV2": _Translation._quantized,
    "QuantizeAndDequantizeV3": _Translation._quantized,
    "Relu6": _Translation._relu6,
    "Shape": _Translation._shape,
    "StridedSlice": _Translation._strided_slice,
}


def _unsupported(node: Any, why: str) -> ConversionError:
    return ConversionError(f"cannot write {node.op} {node.name!r} to ONNX: {why}")


def _array(node: Any, value: Value) -> NDArray[Any]:
    """A value that has to be known now."""
    if not isinstance(value, np.ndarray):
        raise _unsupported(node, "it depends on images where only constants are supported")
    return value


def _sum(one: Pads, other: Pads) -> Pads:
    return (one[0] + other[0], one[1] + other[1], one[2] + other[2], one[3] + other[3])


def _padded_sides(x: Tensor) -> tuple[Side, Side, Side]:
    batch, height, width = x.sides
    top, left, bottom, right = x.pads
    more = (top + bottom, left + right)
    height, width = (
        side if not by else side + by if isinstance(side, int) else None
        for side, by in zip((height, width), more, strict=True)
    )
    return batch, height, width


def _sides(frozen: FrozenModel, size: Size | None) -> tuple[int | None, int | None]:
    """Height and width of the images, None for what may be any."""
    own = frozen.sides
    if size is None:
        return own
    if any(side not in (None, asked) for side, asked in zip(own, size, strict=True)):
        shown = "x".join(str(side or "any") for side in own)
        raise ConversionError(f"this graph takes images of {shown} only, not of {size}")
    return size.height, size.width


def _source(text: str) -> str:
    """The node that an input names. Of the supported operations each has but one output."""
    return text.removeprefix("^").removesuffix(":0")


def _in_order(nodes: Mapping[str, Any], outputs: Sequence[str]) -> Iterator[Any]:
    """The nodes that the outputs depend on, each after those that it depends on itself."""
    done: set[str] = set()
    waiting = [(name, False) for name in reversed(outputs)]
    while waiting:
        name, ready = waiting.pop()
        if name in done:
            continue
        if name not in nodes:
            raise ConversionError(f"the graph has no node {name!r}, or uses another output of it than the first")
        if ready:
            done.add(name)
            yield nodes[name]
        else:
            waiting.append((name, True))
            waiting += [(_source(text), False) for text in nodes[name].input if not text.startswith("^")]


def _check_layout(node: Any) -> None:
    if attribute(node, "data_format").s not in (b"", b"NHWC"):
        raise _unsupported(node, "its channels come first; export the graph with data_format NHWC")
