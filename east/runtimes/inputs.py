"""The files that a detector reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..model.source import model_files
from ..options import DetectorOptions
from ..types import Precision
from .conversion.known_ranges import ranges_files


def files_read(options: DetectorOptions) -> Iterator[Path]:
    """The files of the weights, and those of the calibration if there is one."""
    yield from model_files(options.weights)
    if options.precision == Precision.INT8 or options.calibration.source is not None:
        yield from ranges_files(options.weights, options.calibration)
