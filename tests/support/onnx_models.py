"""Small ONNX models."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def small_network(last: str = "Relu", domain: str = "") -> onnx.ModelProto:
    """A convolution in half precision and one in single, of images (N, H, W, 3)."""
    rng = np.random.default_rng(3)
    weights = [
        numpy_helper.from_array(rng.normal(size=(8, 3, 3, 3)).astype(np.float16), "w0"),
        numpy_helper.from_array(rng.normal(size=(4, 8, 3, 3)).astype(np.float32), "w1"),
    ]
    nodes = [
        helper.make_node("Cast", ["images"], ["x0"], to=TensorProto.FLOAT16),
        helper.make_node("Transpose", ["x0"], ["x1"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["x1", "w0"], ["x2"], "half"),
        helper.make_node("Cast", ["x2"], ["x3"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x3", "w1"], ["x4"], "single"),
        helper.make_node(last, ["x4"], ["y"], "last", domain=domain),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", "h", "w", 3])
    found = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4, "h'", "w'"])
    opsets = [helper.make_opsetid("", 17)] + [helper.make_opsetid(domain, 1)] * bool(domain)
    graph = helper.make_graph(nodes, "small", [images], [found], weights)
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
