"""XLA, TensorFlow's compiler, on an NVIDIA GPU."""

from __future__ import annotations

from ..frameworks import tensorflow
from ..model.frozen import FrozenModel
from ..model.source import ModelSource
from ..options import DetectorOptions
from ..types import Precision
from .base import Availability
from .conversion.artifacts import Artifact
from .conversion.graphs import GRAPH, frozen_artifact, network
from .gpu.device import describe_gpu, missing_for_tensorflow, set_up_gpu
from .gpu.packed import PackedRuntime
from .rewrites.half_precision import to_half
from .rewrites.late_upsampling import upsample_late

FORMAT = 1  # of what `convert` makes, see `conversion_key`
DEVICES = ("gpu",)
PRECISIONS = (Precision.FP32, Precision.FP16)


def availability() -> Availability:
    """Only where there is a GPU: on a CPU the same code is slower than plain TensorFlow."""
    missing = missing_for_tensorflow()
    if missing is not None:
        return Availability((), missing)
    return Availability(PRECISIONS, "XLA has no INT8")


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The frozen graph in the precision asked for, from the cache if it has been made before."""

    def rewrite(frozen: FrozenModel) -> FrozenModel:
        late = upsample_late(frozen)
        return to_half(late) if options.precision is Precision.FP16 else late

    return frozen_artifact("xla", FORMAT, source, options, rewrite, engines=1)


def load(source: ModelSource, options: DetectorOptions) -> XlaRuntime:
    """Rewrites the graph, or finds it rewritten, and loads it. It is compiled when a shape is first needed."""
    return XlaRuntime(convert(source, options), options)


class XlaRuntime(PackedRuntime):
    """The network and the selection of candidates, compiled together, once for each bucket of shapes."""

    name = "xla"

    def __init__(self, artifact: Artifact, options: DetectorOptions) -> None:
        gpu = set_up_gpu(options.gpu_memory_fraction)
        tensorflow().config.experimental.enable_tensor_float_32_execution(options.tf32)
        self.precision = Precision(options.precision)
        single = "tf32" if gpu and options.tf32 else "f32"
        self.arithmetic = "f16" if options.precision is Precision.FP16 else single
        self.device = describe_gpu(gpu)["gpu"] if gpu else "CPU"
        self.model_bytes = artifact.bytes
        super().__init__(network(FrozenModel.load(artifact.folder / GRAPH)), whole=True, exact=options.fixed_size)
