"""Which ranges INT8 takes: those given, those on record for the weights, or else measured once."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ...errors import CalibrationError
from ...model import weights
from ...model.frozen import FORMAT, FrozenModel
from ...model.ranges import Ranges
from ...model.source import ModelSource, model_files
from ...options import Calibration, DetectorOptions
from ...types import Precision
from .artifacts import ArtifactCache
from .calibration import CalibrationSet, calibration_files, find_images

_FILE = "ranges.npz"
_log = logging.getLogger(__name__)


def find_ranges(source: ModelSource, calibration: Calibration) -> Ranges:
    """The ranges of these weights.

    Those in the file that ``calibration`` names, or measured on the images of the folder it names. Where it names
    neither, those on record for the weights, or else measured on the images that ship with the project. What is
    measured is kept in the cache.

    Raises:
        CalibrationError: a file that is damaged or of other weights, or no usable images.
        ConversionError: nothing in these weights can be quantized.
    """
    named = None if calibration.source is None else Path(calibration.source)
    if named is not None and named.suffix == ".npz":
        ranges = Ranges.load(named)
        if ranges.weights_sha256 != source.sha256:
            raise CalibrationError(
                f"the ranges {named} are of weights {ranges.weights_sha256[:12]}, not of {source.name} "
                f"({source.sha256[:12]}): measure them with 'east calibrate'"
            )
        return ranges
    if named is None and (recorded := weights.recorded_ranges(source.path, source.sha256)) is not None:
        path, ranges = recorded
        _log.info("INT8 by %s: %s", path, ranges)
        return ranges
    images = find_images(calibration)
    return Ranges.load(_measured(source, images) / _FILE)


def ranges_files(name_or_path: str | os.PathLike[str], calibration: Calibration) -> list[Path]:
    """The files that `find_ranges` may read, whether it would or not; unread but the list of a calibration."""
    if calibration.source is not None:
        return calibration_files(calibration)
    path = next(iter(model_files(name_or_path)), Path(name_or_path))
    recorded = [place for place in weights.ranges_places(path) if place.is_file()]
    return recorded or calibration_files(calibration)


def calibration_digest(source: ModelSource, options: DetectorOptions) -> str | None:
    """What INT8 is made of beside the weights: SHA-256 of the ranges, or of TF-TRT's own images; else None."""
    if options.precision is not Precision.INT8:
        return None
    if options.runtime == "tftrt" and options.tftrt.use_calibration:
        return find_images(options.calibration).sha256
    return find_ranges(source, options.calibration).sha256


def _measured(source: ModelSource, images: CalibrationSet) -> Path:
    """The folder in the cache that has them."""
    from .measuring import RULE, measure

    key = {
        "runtime": "ranges",
        "precision": "INT8",
        "weights": source.sha256,
        "nodes": vars(source.nodes),
        "format": FORMAT,
        "calibration": images.sha256,
        "rule": str(RULE),
    }

    def build(folder: Path, frozen: FrozenModel) -> None:
        _log.info("measuring the ranges of %s on %s", source.name, images)
        measure(frozen, images, source.sha256).save(folder / _FILE)

    return ArtifactCache().get_or_build(key, source.freeze, build).folder
