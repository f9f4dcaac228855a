"""Moves and spreads scores so that the default thresholds suit them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...options import DEFAULTS

WEIGHTS, BIASES = "feature_fusion/Conv_7/weights", "feature_fusion/Conv_7/biases"


def calibrate_scores(
    variables: Mapping[str, NDArray[Any]], best_threshold: float, temperature: float = 1.0
) -> dict[str, NDArray[Any]]:
    """Moves the score threshold at which weights are best to the default one.

    A loss that rewards confidence may leave the default far from where text is best told from the rest. Choose
    ``best_threshold``, 0..1, on pictures that the network was not trained on. ``temperature`` divides the logits; more
    than 1 takes back confidence (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017). The order of
    scores stays: of ``variables``, by checkpoint name, only those of the layer before the sigmoid change. Scores are
    then above the default threshold wherever they were above ``best_threshold``.

    Raises:
        ValueError: for a threshold that is not between 0 and 1, or a temperature that is not positive.
    """
    if not 0 < best_threshold < 1:
        raise ValueError(f"a score threshold is between 0 and 1, got {best_threshold}")
    if not 0 < temperature < math.inf:
        raise ValueError(f"a temperature is positive, got {temperature}")
    weights, biases = variables[WEIGHTS], variables[BIASES]
    shift = _logit(DEFAULTS.score_threshold) - _logit(best_threshold) / temperature
    return {**variables, WEIGHTS: weights / np.float32(temperature), BIASES: biases / np.float32(temperature) + shift}


def _logit(p: float) -> float:
    return math.log(p / (1 - p))
