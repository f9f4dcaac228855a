"""8-bit quantization of an OpenVINO model by NNCF, on real images."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from ...errors import ConversionError
from ...frameworks import openvino
from .calibration import CalibrationSet


def quantize(model: Any, images: CalibrationSet) -> Any:
    """Quantizes the convolutions of an ``ov.Model`` to 8 bits, with the ranges of activations on ``images``.

    The heads stay in floating point: eight bits cannot hold distances up to 512 pixels, let alone share a scale
    with the angle they are joined with.

    Raises:
        CalibrationError: an image that does not decode.
        ConversionError: nothing was quantized.
    """
    openvino()
    import nncf

    nncf.set_log_level(40)
    data = nncf.Dataset(list(images.images()))
    heads = nncf.IgnoredScope(names=_heads(model))
    with redirect_stdout(sys.stderr if sys.stderr.isatty() else StringIO()):  # its progress bars
        quantized = nncf.quantize(model, data, subset_size=len(images), ignored_scope=heads)
    if all(op.get_type_name() != "FakeQuantize" for op in quantized.get_ops()):
        raise ConversionError("NNCF quantized no layer of this model to 8 bits")
    return quantized


def _heads(model: Any) -> list[str]:
    """Names of the operations from the last convolutions on, these included."""
    names: set[str] = set()
    waiting = [result.input_value(0).get_node() for result in model.get_results()]
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() in names or node.get_type_name() == "Constant":
            continue
        names.add(node.get_friendly_name())
        if node.get_type_name() != "Convolution":
            waiting += [node.input_value(i).get_node() for i in range(node.get_input_size())]
    return sorted(names)
