"""XLA, TensorFlow's compiler, on an NVIDIA GPU."""

from __future__ import annotations

from ..model.frozen import FrozenModel
from ..model.source import ModelSource
from ..options import DetectorOptions
from ..types import Precision
from .base import Availability, size_of_all
from .conversion.artifacts import Artifact
from .conversion.frozen_graph import GRAPH, frozen_artifact, graph_function
from .gpu.requirements import missing_for_tensorflow
from .gpu.runtime import GpuRuntime
from .rewrites.half_precision import to_half
from .rewrites.late_upsampling import upsample_late

FORMAT = 1  # of what `convert` makes, see `conversion_key`
DEVICES = ("gpu",)


def availability(device: str = "auto") -> Availability:
    """Only where there is a GPU: on a CPU the same code is slower than plain TensorFlow."""
    missing = missing_for_tensorflow(device)
    return (
        Availability((), missing)
        if missing
        else Availability((Precision.FP32, Precision.FP16), "XLA has no INT8", (Precision.FP16,))
    )


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The frozen graph in the precision asked for, from the cache if it has been made before."""
    half = options.precision is Precision.FP16
    return frozen_artifact(
        "xla", FORMAT, source, options, lambda f: to_half(upsample_late(f)) if half else upsample_late(f), engines=1
    )


def load(source: ModelSource, options: DetectorOptions) -> XlaRuntime:
    """Rewrites the graph, or finds it rewritten, and loads it. It is compiled when a shape is first needed."""
    return XlaRuntime(convert(source, options), options)


class XlaRuntime(GpuRuntime):
    """The network and the selection of candidates, compiled together, once for each bucket of shapes."""

    name = "xla"

    def __init__(self, artifact: Artifact, options: DetectorOptions) -> None:
        frozen = FrozenModel.load(artifact.folder / GRAPH)
        self.size = size_of_all(frozen.sides, options.fixed_size)
        super().__init__(artifact, options, graph_function(frozen), whole=True, exact=self.size)
