"""Comparing what runtimes say about the same images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from east.model.frozen import FrozenModel
from east.types import Maps
from tests.support.graphs import run


def run_graph(frozen: FrozenModel, images: NDArray[np.uint8]) -> Maps:
    """The maps that a frozen graph gives in TensorFlow."""
    score, geometry = run(frozen, images)
    return Maps(score[..., 0], geometry)


def differences(found: Maps, wanted: Maps) -> tuple[float, float, float]:
    """The largest differences of score anywhere, and of distances (px) and angle (rad) on text."""
    text = wanted.score > 0.5
    geometry = np.abs(found.geometry - wanted.geometry)[text]
    return (
        float(np.abs(found.score - wanted.score).max()),
        float(geometry[:, :4].max(initial=0)),
        float(geometry[:, 4].max(initial=0)),
    )
