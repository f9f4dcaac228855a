"""EAST scene-text detection: an image in, the words' quadrilaterals out.

::

    from east import TextDetector

    detector = TextDetector()
    for box in detector.detect("sign.jpg"):
        print(box.quad, box.score)

Importing this package is cheap: OpenVINO and Numba, and what is asked for of TensorFlow and others, are imported when
first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import (
    CalibrationError,
    CheckpointError,
    ConversionError,
    DamagedFileError,
    DatasetError,
    DisplayError,
    EastError,
    EvaluationError,
    FormatError,
    GraphError,
    ImageDecodeError,
    ImageError,
    ImageTooLargeError,
    MissingPackageError,
    ReportError,
    RuntimeUnavailableError,
    ServiceError,
    SubmissionError,
    TooManyBoxesError,
    UnsupportedPrecisionError,
    UsageError,
    WeightsError,
    WorkerError,
)

if TYPE_CHECKING:
    from .detections import Detections
    from .detector import TextDetector
    from .images.decoding import ImageInput
    from .options import Calibration, DetectorOptions, NodeNames, Rounding, TensorRtOptions, TfTrtOptions
    from .runtimes.base import Runtime
    from .types import Precision, Size, TextBox, Timings

__version__ = "0.2.0"

__all__ = [
    "Calibration",
    "CalibrationError",
    "CheckpointError",
    "ConversionError",
    "DamagedFileError",
    "DatasetError",
    "Detections",
    "DetectorOptions",
    "DisplayError",
    "EastError",
    "EvaluationError",
    "FormatError",
    "GraphError",
    "ImageDecodeError",
    "ImageError",
    "ImageInput",
    "ImageTooLargeError",
    "MissingPackageError",
    "NodeNames",
    "Precision",
    "ReportError",
    "Rounding",
    "Runtime",
    "RuntimeUnavailableError",
    "ServiceError",
    "Size",
    "SubmissionError",
    "TensorRtOptions",
    "TextBox",
    "TextDetector",
    "TfTrtOptions",
    "Timings",
    "TooManyBoxesError",
    "UnsupportedPrecisionError",
    "UsageError",
    "WeightsError",
    "WorkerError",
    "__version__",
]

_LAZY = {
    "Calibration": "options",
    "DetectorOptions": "options",
    "Detections": "detections",
    "ImageInput": "images.decoding",
    "NodeNames": "options",
    "Precision": "types",
    "Rounding": "options",
    "Runtime": "runtimes.base",
    "Size": "types",
    "TensorRtOptions": "options",
    "TextBox": "types",
    "TextDetector": "detector",
    "TfTrtOptions": "options",
    "Timings": "types",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_LAZY[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
