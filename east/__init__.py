"""EAST scene-text detection: an image in, the words' quadrilaterals out.

::

    from east import TextDetector

    detector = TextDetector()
    for box in detector.detect("sign.jpg"):
        print(box.quad, box.score)

Importing this package is cheap: TensorFlow, OpenVINO and Numba are imported when first needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import (
    CalibrationError,
    CheckpointError,
    ConversionError,
    DamagedFileError,
    EastError,
    GraphError,
    ImageDecodeError,
    ImageError,
    ImageTooLargeError,
    RuntimeUnavailableError,
    TooManyBoxesError,
    UnsupportedPrecisionError,
    WeightsError,
)

if TYPE_CHECKING:
    from .detections import Detections
    from .detector import TextDetector
    from .options import Calibration, DetectorOptions, NodeNames, Rounding, TfTrtOptions
    from .runtimes.base import Runtime
    from .types import Precision, Size, TextBox, Thresholds, Timings

__version__ = "0.1.0"

__all__ = [
    "Calibration",
    "CalibrationError",
    "CheckpointError",
    "ConversionError",
    "DamagedFileError",
    "Detections",
    "DetectorOptions",
    "EastError",
    "GraphError",
    "ImageDecodeError",
    "ImageError",
    "ImageInput",
    "ImageTooLargeError",
    "NodeNames",
    "Precision",
    "Rounding",
    "Runtime",
    "RuntimeUnavailableError",
    "Size",
    "TextBox",
    "TextDetector",
    "TfTrtOptions",
    "Thresholds",
    "Timings",
    "TooManyBoxesError",
    "UnsupportedPrecisionError",
    "WeightsError",
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
    "TextBox": "types",
    "TextDetector": "detector",
    "TfTrtOptions": "options",
    "Thresholds": "types",
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
