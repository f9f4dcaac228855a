"""TensorFlow itself: the reference every other runtime is compared with, on CPU or GPU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._tensorflow import tensorflow
from ..errors import UnsupportedPrecisionError
from ..model.source import ModelSource
from ..types import Maps, Precision
from .base import Availability, LoadOptions, Runtime

PRECISIONS = (Precision.FP32,)


def availability() -> Availability:
    """TensorFlow is a dependency of this package, so it is always here."""
    return Availability(PRECISIONS)


def load(source: ModelSource, options: LoadOptions) -> TensorFlowRuntime:
    """Freezes the weights and loads the graph."""
    return TensorFlowRuntime(source, options)


class TensorFlowRuntime(Runtime):
    """The frozen graph, run by TensorFlow. TF32 is off unless asked for."""

    name = "tensorflow"
    precision = Precision.FP32

    def __init__(self, source: ModelSource, options: LoadOptions) -> None:
        tf = tensorflow()
        if options.precision is not Precision.FP32:
            raise UnsupportedPrecisionError(f"runtime 'tensorflow' runs FP32 only, not {options.precision}")
        if options.threads is not None and tf.config.threading.get_intra_op_parallelism_threads() != options.threads:
            tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        gpus = tf.config.list_physical_devices("GPU")
        tf.config.experimental.enable_tensor_float_32_execution(options.tf32)
        self.arithmetic = "tf32" if gpus and options.tf32 else "f32"
        self.device = gpus[0].name if gpus else "CPU"
        frozen = source.freeze("uint8")
        self.model_bytes = frozen.graph_def.ByteSize()

        def load_graph() -> None:
            tf.graph_util.import_graph_def(frozen.graph_def, name="")

        wrapped = tf.compat.v1.wrap_function(load_graph, [])
        outputs = [wrapped.graph.get_tensor_by_name(f"{name}:0") for name in (frozen.score_name, frozen.geometry_name)]
        self._run = wrapped.prune(wrapped.graph.get_tensor_by_name(f"{frozen.input_name}:0"), outputs)
        self._constant = tf.constant

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        score, geometry = self._run(self._constant(images))
        return Maps(score.numpy()[..., 0], geometry.numpy())
