"""TensorFlow itself: the reference every other runtime is compared with, on CPU or GPU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..extras import install, is_installed
from ..frameworks import tensorflow
from ..model.frozen import FrozenModel
from ..model.source import ModelSource
from ..options import DetectorOptions
from ..types import Maps, Precision
from .base import Availability, Runtime, size_of_all
from .conversion.artifacts import Artifact
from .conversion.frozen_graph import GRAPH, frozen_artifact, graph_function
from .gpu.requirements import missing_for_tensorflow
from .tensorflow_setup import configure_tensorflow

FORMAT = 1  # of what `convert` makes, see `conversion_key`
DEVICES = ("cpu", "gpu")


def availability(device: str = "auto") -> Availability:
    """Wherever it is installed; a GPU it can use may not be here."""
    if device.startswith("gpu"):
        missing = missing_for_tensorflow(device)
    else:
        missing = None if is_installed("tensorflow") else f"TensorFlow is not installed: {install('tensorflow')}"
    return Availability((Precision.FP32,)) if missing is None else Availability((), missing)


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The frozen graph, from the cache if it has been made before."""
    return frozen_artifact("tensorflow", FORMAT, source, options, lambda frozen: frozen, engines=0)


def load(source: ModelSource, options: DetectorOptions) -> TensorFlowRuntime:
    """Freezes the weights, or finds them frozen, and loads the graph."""
    return TensorFlowRuntime(convert(source, options), options)


class TensorFlowRuntime(Runtime):
    """The frozen graph, run by TensorFlow. TF32 is off unless asked for."""

    name = "tensorflow"
    precision = Precision.FP32

    def __init__(self, artifact: Artifact, options: DetectorOptions) -> None:
        tf = tensorflow()
        device = configure_tensorflow(options)
        self.device = device.name
        self.arithmetic = device.arithmetic(options)
        self.model_bytes = artifact.bytes
        frozen = FrozenModel.load(artifact.folder / GRAPH)
        self.size = size_of_all(frozen.sides, options.fixed_size)
        images = tf.TensorSpec([None, *frozen.sides, 3], tf.uint8)
        run = graph_function(frozen)
        self._run = tf.function(run, input_signature=[images]).get_concrete_function()
        self._constant, self._scope = tf.constant, device.scope

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        with self._scope():
            score, geometry = self._run(self._constant(images))
        return Maps(score.numpy()[..., 0], geometry.numpy())
