"""The files that a detector reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..model.source import model_files
from ..model.weights import confidence_places
from ..options import DetectorOptions
from ..types import Precision
from .conversion.known_ranges import ranges_files


def files_read(options: DetectorOptions) -> Iterator[Path]:
    """The files of the weights, their record of confidence, and those of the calibration if there is one."""
    files = model_files(options.weights)
    yield from files
    yield from (place for place in confidence_places(next(iter(files), Path(options.weights))) if place.is_file())
    if options.precision == Precision.INT8 or options.calibration.source is not None:
        yield from ranges_files(options.weights, options.calibration)
