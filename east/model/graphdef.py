"""TensorFlow's graphs as messages, without TensorFlow: what is in a ``.pb``, and its tensors as arrays.

Messages are declared with the numbers that their fields have in TensorFlow's own ``graph.proto`` and its kin; what is
not declared here is kept as it was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from numpy.typing import DTypeLike, NDArray

_PACKAGE: Final = "east.graphdef"  # in a pool of its own, beside TensorFlow's where that is imported
_FIELDS: Final = {
    "GraphDef": {"node": (1, "[NodeDef]"), "library": (2, "Unread"), "versions": (4, "VersionDef")},
    "Unread": {},
    "VersionDef": {"producer": (1, "int32"), "min_consumer": (2, "int32"), "bad_consumers": (3, "[int32]")},
    "NodeDef": {
        "name": (1, "string"),
        "op": (2, "string"),
        "input": (3, "[string]"),
        "device": (4, "string"),
        "attr": (5, "{AttrValue}"),
    },
    "AttrValue": {
        "s": (2, "bytes"),
        "i": (3, "int64"),
        "f": (4, "float"),
        "b": (5, "bool"),
        "type": (6, "int32"),
        "shape": (7, "TensorShapeProto"),
        "tensor": (8, "TensorProto"),
        "list": (1, "ListValue"),
        "func": (10, "Unread"),
        "placeholder": (9, "string"),
    },
    "ListValue": {
        "s": (2, "[bytes]"),
        "i": (3, "[int64]"),
        "f": (4, "[float]"),
        "b": (5, "[bool]"),
        "type": (6, "[int32]"),
        "shape": (7, "[TensorShapeProto]"),
        "tensor": (8, "[TensorProto]"),
        "func": (9, "[Unread]"),
    },
    "TensorShapeProto": {"dim": (2, "[Dim]"), "unknown_rank": (3, "bool")},
    "Dim": {"size": (1, "int64"), "name": (2, "string")},
    "TensorProto": {
        "dtype": (1, "int32"),
        "tensor_shape": (2, "TensorShapeProto"),
        "version_number": (3, "int32"),
        "tensor_content": (4, "bytes"),
        "half_val": (13, "[int32]"),
        "float_val": (5, "[float]"),
        "double_val": (6, "[double]"),
        "int_val": (7, "[int32]"),
        "string_val": (8, "[bytes]"),
        "int64_val": (10, "[int64]"),
        "bool_val": (11, "[bool]"),
        "uint32_val": (16, "[uint32]"),
        "uint64_val": (17, "[uint64]"),
    },
    "MetaGraphDef": {"graph_def": (2, "GraphDef")},
}


def _declared() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        if name == "AttrValue":
            message.oneof_decl.add(name="value")
        for field, (number, kind) in fields.items():
            declared = message.field.add(name=field, number=number)
            declared.label = declared.LABEL_REPEATED if kind[0] in "[{" else declared.LABEL_OPTIONAL
            element = kind.strip("[]{}")
            if kind[0] == "{":
                entry = message.nested_type.add(name=f"{field.capitalize()}Entry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, type=declared.TYPE_STRING, label=declared.LABEL_OPTIONAL)
                entry.field.add(
                    name="value",
                    number=2,
                    type=declared.TYPE_MESSAGE,
                    type_name=f".{_PACKAGE}.{element}",
                    label=declared.LABEL_OPTIONAL,
                )
                element = f"{name}.{entry.name}"
            if element.partition(".")[0] in _FIELDS:
                declared.type, declared.type_name = declared.TYPE_MESSAGE, f".{_PACKAGE}.{element}"
            else:
                declared.type = getattr(declared, f"TYPE_{element.upper()}")
            if name == "AttrValue":
                declared.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _FIELDS}


_MESSAGES = _declared()
GraphDef: Any = _MESSAGES["GraphDef"]
NodeDef: Any = _MESSAGES["NodeDef"]
AttrValue: Any = _MESSAGES["AttrValue"]
TensorShapeProto: Any = _MESSAGES["TensorShapeProto"]
TensorProto: Any = _MESSAGES["TensorProto"]
MetaGraphDef: Any = _MESSAGES["MetaGraphDef"]

PRODUCER: Final = 1882
"""Version of the graphs that are written: that of TensorFlow 2.17."""

_NUMBERS: Final[dict[str, int]] = {
    "float32": 1,
    "float64": 2,
    "int32": 3,
    "uint8": 4,
    "int16": 5,
    "int8": 6,
    "string": 7,
    "int64": 9,
    "bool": 10,
    "bfloat16": 14,
    "uint16": 17,
    "float16": 19,
    "uint32": 22,
    "uint64": 23,
}
_NAMES: Final = {number: name for name, number in _NUMBERS.items()}
_REFERENCE: Final = 100  # what TensorFlow 1 adds to the number of a variable's type
_VALUES: Final = {
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "uint8": "int_val",
    "int16": "int_val",
    "int8": "int_val",
    "uint16": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "float16": "half_val",
    "bfloat16": "half_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
}


def dtype_number(dtype: DTypeLike) -> int:
    """TensorFlow's number of a NumPy type. Raises ``KeyError`` for one that graphs here do not have."""
    return _NUMBERS[np.dtype(dtype).name]


def dtype_name(number: int) -> str:
    """The name of the type that TensorFlow calls by a number: NumPy's, ``bfloat16``, ``string``, or the number."""
    number = number - _REFERENCE if number > _REFERENCE else number
    return _NAMES.get(number, f"type {number}")


def attribute_value(value: Any) -> Any:
    """An ``AttrValue``: of a bool, int, float, text, type, shape (a tuple), list of numbers, array, or one as it is."""
    made = AttrValue()
    match value:
        case bool():
            made.b = value
        case int():
            made.i = value
        case float():
            made.f = value
        case str():
            made.s = value.encode()
        case np.dtype():
            made.type = dtype_number(value)
        case tuple():
            made.shape.CopyFrom(shape_proto(value))
        case list():
            made.list.SetInParent()
            (made.list.f if any(isinstance(one, float) for one in value) else made.list.i).extend(value)
        case np.ndarray():
            made.tensor.CopyFrom(tensor_of(value))
        case _:
            made = value
    return made


def extract_subgraph(graph_def: Any, outputs: Sequence[str]) -> Any:
    """The nodes that the named ones depend on, these included, in their order."""
    nodes = {node.name: node for node in graph_def.node}
    needed: set[str] = set()
    waiting = list(outputs)
    while waiting:
        name = waiting.pop().removeprefix("^").partition(":")[0]
        if name not in needed:
            needed.add(name)
            waiting += nodes[name].input
    extracted = GraphDef(versions=graph_def.versions)
    extracted.node.extend(node for node in graph_def.node if node.name in needed)
    return extracted


def shape_of(shape: Any) -> tuple[int | None, ...] | None:
    """The sides of a ``TensorShapeProto``, None for a side that may be any; None if not even the rank is known."""
    return None if shape.unknown_rank else tuple(None if dim.size < 0 else dim.size for dim in shape.dim)


def shape_proto(shape: Sequence[int | None] | None) -> Any:
    """The ``TensorShapeProto`` of what `shape_of` gives."""
    proto = TensorShapeProto(unknown_rank=shape is None)
    for side in shape or ():
        proto.dim.add(size=-1 if side is None else side)
    return proto


def array_of(tensor: Any) -> NDArray[Any]:
    """The array in a ``TensorProto``, bfloat16 as float32, texts as objects. Raises ``ValueError`` for other types."""
    name = dtype_name(tensor.dtype)
    shape = tuple(dim.size for dim in tensor.tensor_shape.dim)
    size = int(np.prod(shape, dtype=np.int64))
    if name == "string":
        values: NDArray[Any] = np.array(list(tensor.string_val), object)
    elif name not in _VALUES:
        raise ValueError(f"tensors of {name} cannot be read")
    elif tensor.tensor_content:
        values = np.frombuffer(tensor.tensor_content, np.uint16 if name == "bfloat16" else name)
    else:
        listed = getattr(tensor, _VALUES[name])
        halves = name in ("float16", "bfloat16")
        values = np.array(listed, np.uint16 if halves else name)
        values = values.view(np.float16) if name == "float16" else values
    if name == "bfloat16":
        values = (values.astype(np.uint32) << 16).view(np.float32)
    if values.size < size:  # the last value stands for all that follow; without any it is zero
        last = values[-1:] if values.size else np.zeros(1, values.dtype)
        values = np.concatenate([values, np.repeat(last, size - values.size)])
    return values.reshape(shape)


def tensor_of(array: NDArray[Any]) -> Any:
    """The ``TensorProto`` of an array."""
    shape = TensorShapeProto()
    for side in array.shape:
        shape.dim.add(size=side)
    proto = TensorProto(dtype=dtype_number(array.dtype), tensor_shape=shape)
    if array.size == 1:  # as TensorFlow does, and OpenCV wants it
        bits = array.view(np.uint16) if array.dtype == np.float16 else array
        getattr(proto, _VALUES[array.dtype.name]).append(bits.item())
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    return proto
