"""OpenVINO, the fastest runtime on a CPU."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Collection
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frameworks import openvino
from ..model.frozen import FrozenModel
from ..model.ranges import Ranges
from ..model.source import ModelSource
from ..options import DetectorOptions
from ..types import Maps, Precision
from .base import Availability, Runtime, size_of_all
from .conversion.artifacts import Artifact, ArtifactCache, ConversionReport, conversion_key
from .conversion.known_ranges import find_ranges
from .conversion.openvino_graph import openvino_model
from .rewrites.explicit_ranges import quantized
from .rewrites.late_upsampling import upsample_late

FORMAT = 3  # of what `convert` makes, see `conversion_key`
DEVICES = ("cpu",)
MODEL = "model.xml"
RANGES = "ranges.npz"


def availability(device: str = "auto") -> Availability:
    """Wherever it is installed, and as a dependency of this package it should be; FP16 is up to the processor."""
    if find_spec("openvino") is None:
        return Availability((), "OpenVINO is not installed: pip install openvino")
    if _half() is None:
        missing = "FP16 needs a processor with bf16 or f16 arithmetic"
        return Availability((Precision.FP32, Precision.INT8), missing, _eight_bits())
    return Availability(tuple(Precision), faster=(*_eight_bits(), Precision.FP16))


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The weights as an OpenVINO model, from the cache if it has been made before."""
    ranges = find_ranges(source, options.calibration) if options.precision is Precision.INT8 else None
    key = conversion_key("openvino", FORMAT, source, options, ranges, openvino=openvino().__version__)
    return ArtifactCache().get_or_build(key, source.freeze, partial(_build, options=options, ranges=ranges))


def load(source: ModelSource, options: DetectorOptions) -> OpenVinoRuntime:
    """Converts the weights, or finds them converted, and loads them."""
    return OpenVinoRuntime(convert(source, options), options)


class OpenVinoRuntime(Runtime):
    """The network on the CPU. Compiled once for all image sizes; each running call has an inference request.

    A compiled model takes its calls one after another, with all threads. So that where it is `shared` small images need
    not wait for a large one, which may take ten times as long, large ones have another, with half as many threads; it
    is compiled for the first of them.
    """

    name = "openvino"

    def __init__(self, artifact: Artifact, options: DetectorOptions) -> None:
        core = openvino().Core()
        self.precision = Precision(options.precision)
        self.device = str(core.get_property("CPU", "FULL_DEVICE_NAME"))
        self.model_bytes = artifact.bytes
        # Left to itself OpenVINO computes an f32 model in bf16 where the processor can.
        floating = (_half() if options.precision is Precision.FP16 else None) or "f32"
        self.arithmetic = "i8" if options.precision is Precision.INT8 else floating
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": floating, "PERFORMANCE_HINT": "LATENCY"}
        if options.threads is not None:
            config["INFERENCE_NUM_THREADS"] = options.threads
        model = core.read_model(artifact.folder / MODEL)
        self.size = size_of_all(_sides(model), options.fixed_size)
        self._compile = partial(core.compile_model, model, "CPU")
        self._config = config
        compiled = self._compile(config)
        self._threads = int(compiled.get_property("INFERENCE_NUM_THREADS"))
        self._requests = _Requests(compiled)
        self._for_large: _Requests | None = None
        self._lock = Lock()

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        large = images[..., 0].size > self.large
        return (self._large_requests() if large and self.shared else self._requests).infer(images)

    def close(self) -> None:
        del self._requests, self._for_large

    def _large_requests(self) -> _Requests:
        with self._lock:
            if self._for_large is None:
                half = {**self._config, "INFERENCE_NUM_THREADS": max(1, self._threads // 2)}
                self._for_large = _Requests(self._compile(half))
            return self._for_large


class _Requests:
    """A compiled model and its inference requests, one for each call under way."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._idle: SimpleQueue[Any] = SimpleQueue()

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._compiled.create_infer_request()
        try:
            request.infer([images], share_inputs=True)
            score, geometry = (request.get_output_tensor(i).data for i in range(2))
            return Maps(score[..., 0].copy(), geometry.copy())
        finally:
            self._idle.put(request)


def _sides(model: Any) -> tuple[int | None, int | None]:
    _, height, width, _ = (dim.get_length() if dim.is_static else None for dim in model.input(0).partial_shape)
    return height, width


@cache
def _able() -> Collection[str]:
    """What OpenVINO says that this processor is good at."""
    return frozenset(openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def _half() -> str | None:
    """What this processor computes half precision in: bf16 rather than f16, which no x86 processor is fast at."""
    return "bf16" if "BF16" in _able() else "f16" if "FP16" in _able() else None


def _eight_bits() -> tuple[Precision, ...]:
    """INT8 where the processor has instructions for it: even without VNNI it is faster than FP32."""
    return (Precision.INT8,) if "INT8" in _able() else ()


def _build(folder: Path, frozen: FrozenModel, options: DetectorOptions, ranges: Ranges | None) -> None:
    if ranges is None:
        model = openvino_model(upsample_late(frozen))
    else:
        model = openvino_model(quantized(frozen, ranges, signed=False))
        ranges.save(folder / RANGES)
    after = Counter(op.get_type_name() for op in model.get_ops())
    ConversionReport(frozen.operations, dict(sorted(after.items())), engines=1, converted=1.0).save(folder)
    try:
        openvino().save_model(model, folder / MODEL, compress_to_fp16=options.precision is Precision.FP16)
    except RuntimeError as error:
        raise OSError(errno.EIO, f"OpenVINO cannot write the model ({error})", str(folder)) from error
