"""The network in the precision that was asked for: as a frozen graph, and in ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import ConversionError
from ...extras import install, is_installed
from ...model.frozen import FrozenModel
from ...model.source import ModelSource
from ...options import DetectorOptions
from ...types import Precision, Size
from ..rewrites.explicit_ranges import quantized
from ..rewrites.half_precision import to_half
from ..rewrites.late_upsampling import upsample_late
from .known_ranges import find_ranges

if TYPE_CHECKING:
    from onnx import ModelProto


def graph_in_precision(source: ModelSource, options: DetectorOptions) -> FrozenModel:
    """The frozen graph in ``options.precision``, whose heads are in single precision whatever that is.

    Raises:
        CalibrationError: there are no ranges for INT8.
        ConversionError: the weights do not fit into half precision.
    """
    if options.precision is Precision.INT8:
        return quantized(source.freeze(), find_ranges(source, options.calibration))
    frozen = upsample_late(source.freeze())
    return to_half(frozen) if options.precision is Precision.FP16 else frozen


def export_onnx(
    source: ModelSource, options: DetectorOptions, size: Size | None = None, batch: int | None = None
) -> ModelProto:
    """The weights as an ONNX model in ``options.precision``; for the rest see `to_onnx`, whose errors are raised too.

    Raises:
        ConversionError: the package ``onnx`` is not installed.
    """
    if not is_installed("onnx"):
        raise ConversionError(f"ONNX is written with the package onnx, which is not installed: {install('onnx')}")
    from .onnx_graph import to_onnx

    return to_onnx(graph_in_precision(source, options), size, batch)
