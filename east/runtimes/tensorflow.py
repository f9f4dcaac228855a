"""TensorFlow itself: the reference every other runtime is compared with, on CPU or GPU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import UnsupportedPrecisionError
from ..frameworks import tensorflow
from ..model.frozen import FrozenModel
from ..model.source import ModelSource
from ..options import DetectorOptions
from ..types import Maps, Precision
from .base import Availability, Runtime
from .conversion.artifacts import Artifact
from .conversion.graphs import GRAPH, frozen_artifact, network
from .gpu.device import describe_gpu, set_up_gpu

FORMAT = 1  # of what `convert` makes, see `conversion_key`
DEVICES = ("cpu", "gpu")
PRECISIONS = (Precision.FP32,)


def availability() -> Availability:
    """TensorFlow is a dependency of this package, so it is always here."""
    return Availability(PRECISIONS)


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The frozen graph, from the cache if it has been made before."""
    return frozen_artifact("tensorflow", FORMAT, source, options, lambda frozen: frozen, engines=0)


def load(source: ModelSource, options: DetectorOptions) -> TensorFlowRuntime:
    """Freezes the weights, or finds them frozen, and loads the graph."""
    if options.precision is not Precision.FP32:
        raise UnsupportedPrecisionError(f"runtime 'tensorflow' runs FP32 only, not {options.precision}")
    return TensorFlowRuntime(convert(source, options), options)


class TensorFlowRuntime(Runtime):
    """The frozen graph, run by TensorFlow. TF32 is off unless asked for."""

    name = "tensorflow"
    precision = Precision.FP32

    def __init__(self, artifact: Artifact, options: DetectorOptions) -> None:
        tf = tensorflow()
        gpu = set_up_gpu(options.gpu_memory_fraction)
        tf.config.experimental.enable_tensor_float_32_execution(options.tf32)
        self.arithmetic = "tf32" if gpu and options.tf32 else "f32"
        self.device = describe_gpu(gpu)["gpu"] if gpu else "CPU"
        self.model_bytes = artifact.bytes
        images = tf.TensorSpec([None, None, None, 3], tf.uint8)
        run = network(FrozenModel.load(artifact.folder / GRAPH))
        self._run = tf.function(run, input_signature=[images]).get_concrete_function()
        self._constant = tf.constant

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        score, geometry = self._run(self._constant(images))
        return Maps(score.numpy()[..., 0], geometry.numpy())
