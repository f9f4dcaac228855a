"""From score and geometry maps to word quads, without any network framework.

The NumPy parts import at once; Numba and OpenCV when a box is first extracted.
"""

from .confidence import ConfidenceCurve, core_peaks
from .directions import Turned, in_their_direction, peaks
from .huge import BLUR, HUGE, with_huge_words
from .joining import join
from .nms import locality_aware_nms
from .rbox import decode_quads, select_candidates
from .scores import extract_boxes, mean_scores, scorer
from .settling import settle
from .stitching import stitch
from .straightening import straighten

__all__ = [
    "BLUR",
    "HUGE",
    "ConfidenceCurve",
    "Turned",
    "core_peaks",
    "decode_quads",
    "extract_boxes",
    "in_their_direction",
    "join",
    "locality_aware_nms",
    "mean_scores",
    "peaks",
    "scorer",
    "select_candidates",
    "settle",
    "stitch",
    "straighten",
    "with_huge_words",
]
