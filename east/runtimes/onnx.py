"""ONNX Runtime: on any processor, and on an NVIDIA GPU by its CUDA provider."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConversionError, RuntimeUnavailableError
from ..extras import install, is_installed
from ..frameworks import onnxruntime
from ..model.frozen import FrozenModel
from ..model.source import ModelSource
from ..options import EVALUATION_SIZE, Calibration, DetectorOptions
from ..types import STRIDE, Maps, Precision, Size
from . import processor
from .base import Availability, Runtime, size_of_all
from .conversion.artifacts import Artifact, ArtifactCache, ConversionReport, conversion_key
from .conversion.calibration import SHIPPED, find_images
from .conversion.known_ranges import find_ranges
from .conversion.onnx_export import graph_in_precision
from .conversion.ort_session import RECORD, BoundSession, Device, Names, assignment
from .gpu.buffers import fill
from .gpu.nvidia import Gpu, find_gpu
from .gpu.shapes import BATCHES, batch_bucket, bucket

FORMAT = 2  # of what `convert` makes, see `conversion_key`
DEVICES = ("cpu", "gpu")
MODEL = "east.onnx"

_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_ARITHMETIC = {Precision.FP32: "f32", Precision.FP16: "f16", Precision.INT8: "i8"}
_SUMS = Calibration(SHIPPED, count=6, size=Size(320, 512))  # on which the ranges of sums are measured
_ERRORS = 3  # ONNX Runtime's number of the severity below which it writes nothing to stderr


def availability(device: str = "auto") -> Availability:
    """FP32 and INT8 on the processor wherever it is installed, FP32 and FP16 on a GPU where it is built for CUDA."""
    for module, called in (("onnxruntime", "ONNX Runtime"), ("onnx", "the package onnx")):
        if not is_installed(module):
            return Availability((), f"{called} is not installed: {install('onnx')}")
    missing = None if device == "cpu" else _missing_for_cuda(device)
    if device.startswith("gpu"):
        on_gpu = (Precision.FP32, Precision.FP16)
        if missing:
            return Availability((), missing)
        return Availability(on_gpu, "INT8 on a GPU is for tensorrt or tftrt", (Precision.FP16,))
    if device == "cpu" or missing is not None:
        on_processor = (Precision.FP32, Precision.INT8)
        return Availability(on_processor, "FP16 needs an NVIDIA GPU and onnxruntime-gpu", (Precision.INT8,))
    return Availability(tuple(Precision), faster=(Precision.FP16,))


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The weights as an ONNX model, from the cache if it has been made before."""
    ranges = find_ranges(source, options.calibration) if options.precision is Precision.INT8 else None
    exact = None if ranges is None else processor.adds_products_exactly()
    key = conversion_key("onnx", FORMAT, source, options, ranges, onnx=version("onnx"), exact=exact)
    read, build = partial(graph_in_precision, source, options), partial(_build, exact=exact)
    return ArtifactCache().get_or_build(key, read, build)


def load(source: ModelSource, options: DetectorOptions) -> Runtime:
    """Converts the weights, or finds them converted, and loads them.

    Raises:
        RuntimeUnavailableError: a GPU was asked for, and ONNX Runtime cannot use it.
        ConversionError: it leaves convolutions to the processor.
    """
    gpu = _chosen_gpu(options)
    artifact = convert(source, options)
    if gpu is None:
        return OnnxRuntime(artifact, options)
    session = _cuda_session(artifact.folder / MODEL, options, gpu)
    return OnnxCudaRuntime(artifact, options, session, Device("cuda", gpu.number), gpu.name)


class OnnxRuntime(Runtime):
    """The network on the processor; one session for images of all sizes, whose calls share its threads."""

    name = "onnx"

    def __init__(self, artifact: Artifact, options: DetectorOptions) -> None:
        self.precision = Precision(options.precision)
        self.arithmetic = _ARITHMETIC[self.precision]
        self.device = processor.name()
        self.model_bytes = artifact.bytes
        told = _session_options(options)
        self._session = onnxruntime().InferenceSession(str(artifact.folder / MODEL), told, providers=[_CPU])
        self.size = size_of_all(_sides(self._session), options.fixed_size)

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        score, geometry = self._session.run(None, {FrozenModel.input_name: images})
        return Maps(score[..., 0], geometry)

    def close(self) -> None:
        del self._session


class OnnxCudaRuntime(Runtime):
    """The network on a GPU; images of like sizes share a shape, so that memory and CUDA graphs are few."""

    name = "onnx"
    batches = BATCHES
    batch = max(BATCHES)
    parallel = 2

    def __init__(self, artifact: Artifact, options: DetectorOptions, session: Any, device: Device, name: str) -> None:
        self.precision = Precision(options.precision)
        self.arithmetic = "tf32" if options.tf32 and self.precision is Precision.FP32 else _ARITHMETIC[self.precision]
        self.device = name
        self.model_bytes = artifact.bytes
        self.size = size_of_all(_sides(session), options.fixed_size)
        self._exact = {self.size or EVALUATION_SIZE}
        graphs = _has_graphs(options)
        names = Names(FrozenModel.input_name, FrozenModel.score_name, FrozenModel.geometry_name)
        self._session = BoundSession(session, names, device, "gpu_graph_id" if graphs else "")
        self._turn = Lock() if graphs else None  # CUDA graphs of a session run one at a time

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        parts = [self._run(images[at : at + self.batch]) for at in range(0, len(images), self.batch)]
        return Maps(*(np.concatenate(maps) for maps in zip(*parts, strict=True)))

    def warm_up(self, size: Size, batch: int = 1) -> None:
        """Allocates, and looks for the fastest kernels, for exactly this size; CUDA graphs are captured."""
        self._exact.add(Size(*size))
        for _ in range(3):  # CUDA graphs are captured after two ordinary runs
            super().warm_up(size, batch)

    def close(self) -> None:
        self._session.close()

    def _run(self, images: NDArray[np.uint8]) -> Maps:
        count, height, width, _ = images.shape
        buffer = np.zeros((batch_bucket(count, self.batches), *bucket(Size(height, width), self._exact), 3), np.uint8)
        fill(buffer, list(images))
        with self._turn or nullcontext():
            score, geometry = self._session.run(buffer)
        rows, columns = height // STRIDE, width // STRIDE
        return Maps(score[:count, :rows, :columns], geometry[:count, :rows, :columns])


def _build(folder: Path, frozen: FrozenModel, exact: bool | None) -> None:
    """Writes the model; in 8 bits, ``exact`` tells whether the processor adds products of these exactly."""
    from .conversion.onnx_for_cpu import for_cpu
    from .conversion.onnx_graph import to_onnx

    model = to_onnx(frozen)
    if exact is not None:
        model = for_cpu(model, find_images(_SUMS).fitted(frozen.sides).images(), exact=exact)
    (folder / MODEL).write_bytes(model.SerializeToString(deterministic=True))
    after = Counter(node.op_type for node in model.graph.node)
    if exact is not None:
        after = _optimized(folder)
        if not after["QLinearConv"]:
            raise ConversionError(f"ONNX Runtime computes none of {after['Conv']} convolutions in 8 bits")
    ConversionReport(frozen.operations, dict(sorted(after.items())), engines=1, converted=1.0).save(folder)


def _optimized(folder: Path) -> Counter[str]:
    """The operations of the model as ONNX Runtime runs it on the processor, by kind."""
    import onnx

    told = _session_options(DetectorOptions())
    place = folder / "optimized.onnx"
    told.optimized_model_filepath = str(place)
    onnxruntime().InferenceSession(str(folder / MODEL), told, providers=[_CPU])
    operations = Counter(node.op_type for node in onnx.load(place).graph.node)
    place.unlink()
    return operations


def _session_options(options: DetectorOptions) -> Any:
    ort = onnxruntime()
    told = ort.SessionOptions()
    told.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    told.log_severity_level = _ERRORS
    if options.threads is not None:
        told.intra_op_num_threads = options.threads
    return told


def _cuda_session(model: Path, options: DetectorOptions, gpu: Gpu) -> Any:
    """A session whose convolutions all run on the GPU."""
    ort = onnxruntime()
    one_size = options.fixed_size is not None
    chosen = {
        "device_id": gpu.number,
        "use_tf32": int(options.tf32),
        "prefer_nhwc": int(options.onnx.prefer_nhwc),
        "fuse_conv_bias": int(options.onnx.fuse_conv_bias),
        "enable_cuda_graph": int(_has_graphs(options)),
        "cudnn_conv_algo_search": "EXHAUSTIVE" if one_size else "HEURISTIC",
    }
    told = _session_options(options)
    told.add_session_config_entry(*RECORD)
    try:
        session = ort.InferenceSession(str(model), told, providers=[(_CUDA, chosen)])
    except Exception as error:  # ONNX Runtime has many classes of them, and no base of their own
        raise RuntimeUnavailableError(f"ONNX Runtime cannot use CUDA here: {str(error).splitlines()[0]}") from error
    if _CUDA not in session.get_providers():  # it is content with the processor
        raise RuntimeUnavailableError(
            "ONNX Runtime does not find the libraries of CUDA and cuDNN that it was built for: "
            "pip install 'onnxruntime-gpu[cuda,cudnn]'"
        )
    assignment(session, _CUDA, {})
    return session


def _has_graphs(options: DetectorOptions) -> bool:
    return options.onnx.enable_cuda_graph and options.fixed_size is not None


def _chosen_gpu(options: DetectorOptions) -> Gpu | None:
    """The GPU to run on; None for the processor, which ``auto`` takes for INT8 and where nothing else is here."""
    if options.device == "cpu" or (options.device == "auto" and options.precision is Precision.INT8):
        return None
    missing = _missing_for_cuda(options.device)
    if missing is not None and options.device == "auto":
        return None
    gpu = find_gpu(options.device)
    if missing is not None or isinstance(gpu, str):
        raise RuntimeUnavailableError(f"runtime 'onnx' cannot run on {options.device}: {missing or gpu}")
    return gpu


def _missing_for_cuda(device: str) -> str | None:
    """What is missing to run on a GPU, and how to get it; None when nothing is."""
    gpu = find_gpu(device)
    if isinstance(gpu, str):
        return gpu
    ort = onnxruntime()
    if _CUDA not in ort.get_available_providers():
        return "this build of ONNX Runtime has no CUDA in it: pip install 'onnxruntime-gpu[cuda,cudnn]'"
    if hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # those that were installed with pip
    return None


def _sides(session: Any) -> tuple[int | None, int | None]:
    _, height, width, _ = (side if isinstance(side, int) else None for side in session.get_inputs()[0].shape)
    return height, width
