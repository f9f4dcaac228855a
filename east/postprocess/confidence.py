"""How sure a box is: from the highest score in its core to the probability that it is a word."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..types import STRIDE

_SHRINK: Final = 0.3
_LEAST: Final = 4.5
"""How a word's core is cut out of its quad: as the network is taught to mark it, see `core_scores`."""

_SURE: Final = 1e-6
"""Scores that are nearer to 0 or 1 are taken as this near: what a float32 sigmoid still tells apart."""


@dataclass(frozen=True)
class ConfidenceCurve:
    """A probability for every score: ``sigmoid(slope * logit(score) + shift)``, which rises with the score.

    Source: Platt, "Probabilistic outputs for support vector machines" (1999), on the logit, as in Guo et al., "On
    calibration of modern neural networks" (ICML 2017), whose temperature is one over the slope.

    Attributes:
        slope: positive.
        shift: any finite number.
    """

    slope: float
    shift: float

    def __post_init__(self) -> None:
        if not (0 < self.slope < math.inf and math.isfinite(self.shift)):
            raise ValueError(f"a curve has a positive slope and a finite shift, got {self.slope} and {self.shift}")

    def __call__(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """The probabilities, float32 ``(M,)``, 0..1, of scores ``(M,)``, 0..1. A score of 0 stays 0."""
        with np.errstate(over="ignore"):
            found = 1 / (1 + np.exp(-(self.slope * logits(scores) + self.shift)))
        return np.where(np.asarray(scores) > 0, found, 0).astype(np.float32)


def logits(scores: NDArray[Any]) -> NDArray[np.float64]:
    """``log(p / (1 - p))`` of scores 0..1, float64, finite for all of them."""
    p = np.clip(np.asarray(scores, np.float64), _SURE, 1 - _SURE)
    return np.asarray(np.log(p / (1 - p)))


def core_peaks(score_map: NDArray[np.float32], quads: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest score in the core of each quad: what tells words from the rest best, whatever their shape.

    Args:
        score_map: float32 ``(h, w)``.
        quads: float32 ``(M, 4, 2)``, ``(x, y)`` in network-input pixels.

    Returns:
        float32 ``(M,)``, 0..1; 0 for a quad that is flat, not finite or outside the map.
    """
    from .polygon import highest_in_cores

    score_map = np.ascontiguousarray(score_map, np.float32)
    return highest_in_cores(score_map, np.ascontiguousarray(quads, np.float64), STRIDE, _SHRINK, _LEAST)
