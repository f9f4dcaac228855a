"""TensorFlow's messages without TensorFlow: what one writes the other reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from east.frameworks import tensorflow
from east.model.graphdef import (
    AttrValue,
    GraphDef,
    TensorProto,
    array_of,
    dtype_name,
    dtype_number,
    shape_of,
    shape_proto,
    tensor_of,
)

DTYPES = ["float32", "float64", "float16", "int32", "int64", "int8", "uint8", "int16", "uint16", "bool", "uint32"]

some_array = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)


@given(some_array)
def test_arrays_are_written_as_tensorflow_reads_them(array: NDArray[Any]) -> None:
    tf = tensorflow()
    proto = tf.compat.v1.AttrValue().tensor.FromString(tensor_of(array).SerializeToString())
    read = tf.make_ndarray(proto)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    np.testing.assert_array_equal(array_of(tensor_of(array)), array)


@given(some_array)
def test_arrays_are_read_as_tensorflow_writes_them(array: NDArray[Any]) -> None:
    proto = tensorflow().make_tensor_proto(array)
    read = array_of(TensorProto.FromString(proto.SerializeToString()))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    ("dtype", "field", "one"),
    [
        ("float32", "float_val", 1.0),
        ("float64", "double_val", 1.0),
        ("float16", "half_val", 0x3C00),
        ("bfloat16", "half_val", 0x3F80),
        ("int32", "int_val", 1),
        ("uint8", "int_val", 1),
        ("int64", "int64_val", 1),
        ("bool", "bool_val", True),
        ("uint32", "uint32_val", 1),
    ],
)
@pytest.mark.parametrize("values", [[], [1], [1, 0], [1, 0, 1, 1, 0, 1]])
def test_the_last_value_stands_for_those_that_are_missing(dtype: str, field: str, one: Any, values: list[int]) -> None:
    tf = tensorflow()
    enum = tf.as_dtype(dtype).as_datatype_enum
    shape = shape_proto((2, 3))
    ours = TensorProto(dtype=enum, tensor_shape=shape, **{field: [one if value else type(one)(0) for value in values]})
    expected = tf.make_ndarray(tf.make_tensor_proto(0).FromString(ours.SerializeToString()))
    np.testing.assert_array_equal(array_of(ours), expected.astype(np.float32))
    assert array_of(ours).ravel().tolist() == ([*values, *[values[-1]] * (6 - len(values))] if values else [0] * 6)


def test_texts_and_unknown_types() -> None:
    tf = tensorflow()
    texts = tf.make_tensor_proto(["left", "right"])
    assert array_of(TensorProto.FromString(texts.SerializeToString())).tolist() == [b"left", b"right"]
    with pytest.raises(ValueError, match="type 18"):
        array_of(TensorProto.FromString(tf.make_tensor_proto(1j).SerializeToString()))


def test_dtypes_have_tensorflows_numbers() -> None:
    tf = tensorflow()
    for name in [*DTYPES, "uint64"]:
        assert dtype_number(name) == tf.as_dtype(name).as_datatype_enum
        assert dtype_name(tf.as_dtype(name).as_datatype_enum) == name
    assert dtype_name(tf.float32._as_ref.as_datatype_enum) == "float32"


@pytest.mark.parametrize("shape", [None, (), (None, 32, None, 3), (2, 3)])
def test_shapes_go_both_ways(shape: tuple[int | None, ...] | None) -> None:
    assert shape_of(shape_proto(shape)) == shape
    theirs = tensorflow().TensorShape(shape).as_proto()
    assert type(theirs).FromString(shape_proto(shape).SerializeToString()) == theirs


def test_what_is_not_declared_survives() -> None:
    """A graph with functions, lists and debugging information, through these messages and back."""
    tf = tensorflow()

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def step(x: Any) -> Any:
        return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.nn.relu(x), lambda: tf.nn.sigmoid(x))

    theirs = step.get_concrete_function().graph.as_graph_def()
    assert theirs.library.function
    ours = GraphDef.FromString(theirs.SerializeToString())
    assert [(node.name, node.op, list(node.input)) for node in ours.node] == [
        (node.name, node.op, list(node.input)) for node in theirs.node
    ]
    assert type(theirs).FromString(ours.SerializeToString()) == theirs


def test_one_attribute_has_one_value() -> None:
    value = AttrValue(i=3)
    value.b = True
    assert value.WhichOneof("value") == "b"
    assert value.i == 0
