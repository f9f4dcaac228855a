"""Comparing what runtimes say about the same images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from east.frameworks import tensorflow
from east.model.frozen import FrozenModel
from east.runtimes.conversion.frozen_graph import graph_function
from east.types import Maps


def run_graph(frozen: FrozenModel, images: NDArray[np.uint8]) -> Maps:
    """The maps that a frozen graph gives in TensorFlow."""
    tf = tensorflow()
    run: Callable[[Any], Sequence[Any]] = tf.function(graph_function(frozen))
    score, geometry = run(tf.constant(images))
    return Maps(score.numpy()[..., 0], geometry.numpy())


def differences(found: Maps, wanted: Maps) -> tuple[float, float, float]:
    """The largest differences of score anywhere, and of distances (px) and angle (rad) on text."""
    text = wanted.score > 0.5
    geometry = np.abs(found.geometry - wanted.geometry)[text]
    return (
        float(np.abs(found.score - wanted.score).max()),
        float(geometry[:, :4].max(initial=0)),
        float(geometry[:, 4].max(initial=0)),
    )
