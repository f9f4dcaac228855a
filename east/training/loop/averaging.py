"""The mean of two sets of weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError


def mean_weights(
    first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]], share: float = 0.5
) -> dict[str, NDArray[Any]]:
    """Takes every variable to a point between what it is in two sets of weights, of which one became the other.

    Where training went on from weights to learn something more, the mean keeps most of both, and is often better than
    either on pictures that neither has seen (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022).
    Weights that were trained apart have no mean worth anything.

    Args:
        first: variables by checkpoint name.
        second: likewise.
        share: of the second, 0..1.

    Raises:
        ValueError: for a share outside 0..1.
        CheckpointError: for weights of different networks.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"a share is between 0 and 1, got {share}")
    shapes = [{name: np.shape(value) for name, value in weights.items()} for weights in (first, second)]
    for name in sorted(shapes[0].keys() | shapes[1].keys()):
        one, other = (of.get(name) for of in shapes)
        if one != other:
            raise CheckpointError(f"weights of different networks: {name} is {one} in one, {other} in the other")
    return {
        name: np.asarray((1 - share) * np.asarray(value, np.float64) + share * np.asarray(second[name], np.float64))
        for name, value in first.items()
    }
