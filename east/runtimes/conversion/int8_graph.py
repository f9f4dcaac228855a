"""The graph in 8 bits that every INT8 is made of."""

from __future__ import annotations

import logging

from ...model.frozen import FrozenModel
from ...model.source import ModelSource
from ...options import DetectorOptions
from ..rewrites.explicit_ranges import with_ranges
from ..rewrites.late_upsampling import upsample_late
from .calibration import find_images

_log = logging.getLogger(__name__)


def int8_graph(source: ModelSource, options: DetectorOptions) -> FrozenModel:
    """The frozen graph with the ranges of its activations and weights in it, as ``options.calibration`` gives them.

    Its heads, the last convolutions and what follows, are in single precision.

    Raises:
        CalibrationError: there are no usable images to measure the ranges on.
    """
    frozen = source.freeze()
    images = find_images(options.calibration).fitted(frozen.sides)
    _log.info("calibrating on %s", images)
    return with_ranges(upsample_late(frozen), images.images())
