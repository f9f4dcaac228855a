"""Native TensorRT: one engine of the whole network, on an NVIDIA GPU, through ONNX Runtime.

There are two ways to it. TensorRT for RTX is preferred, on the GPUs that it runs on: the engine is built here, which
needs no GPU, and ONNX Runtime's plugin loads it. Elsewhere ONNX Runtime's own TensorRT provider builds it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConversionError, RuntimeUnavailableError
from ..frameworks import onnxruntime
from ..model.frozen import FrozenModel
from ..model.source import ModelSource
from ..options import EVALUATION_SIZE, MAX_SIDE, DetectorOptions
from ..postprocess import select_candidates
from ..types import STRIDE, Candidates, Maps, Precision, Size
from .base import Availability, Images, Runtime, size_of_all
from .conversion.artifacts import Artifact, ArtifactCache, ConversionReport, conversion_key
from .conversion.known_ranges import find_ranges
from .conversion.onnx_export import graph_in_precision
from .conversion.ort_session import RECORD, Device, DeviceSession, Fetch, assignment
from .conversion.tensorrt_bindings import library_version, missing_libraries
from .conversion.tensorrt_engine import Profile
from .conversion.tensorrt_layers import EngineLayer, convolution_types, count_kinds, save_layers, wanted_types
from .gpu import tensorrt_provider, tensorrt_rtx
from .gpu.buffers import fill
from .gpu.nvidia import Gpu, driver_version, find_gpu
from .gpu.selection import PACKED, THRESHOLD, capacity, cropped, packed_length, unpack
from .gpu.shapes import STEP, Shape, batch_bucket, bucket

if TYPE_CHECKING:
    from onnx import ModelProto

FORMAT = 1  # of what `convert` makes, see `conversion_key`
DEVICES = ("gpu",)
MODEL = "east.onnx"
ABOUT = "about.json"

_ARITHMETIC = {Precision.FP32: "f32", Precision.FP16: "f16", Precision.INT8: "i8"}
_NVIDIA = 0x10DE  # by PCI's list of makers


def availability(device: str = "auto") -> Availability:
    """Only where there is a GPU, and one of the two ways to it is installed and supports that GPU."""
    gpu = find_gpu(device)
    if isinstance(gpu, str):
        return Availability((), gpu)
    rtx = _missing_for_rtx(gpu)
    provider = None if rtx is None else tensorrt_provider.missing_provider()
    if provider is not None:
        return Availability((), f"{rtx}; {provider}")
    return Availability(tuple(Precision), faster=(Precision.FP16,))


def convertible() -> Availability:
    """TensorRT for RTX builds engines for other machines, where it is installed; the other way is the GPU's own."""
    missing = missing_libraries()
    return Availability(tuple(Precision)) if missing is None else availability()


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The engine, from the cache if the same has been built before.

    Where there is no GPU, or a compute capability is asked for, it is built by TensorRT for RTX for another machine.
    """
    gpu = find_gpu(options.device)
    ranges = find_ranges(source, options.calibration) if options.precision is Precision.INT8 else None
    if isinstance(gpu, str) or options.tensorrt.compute_capability or _missing_for_rtx(gpu) is None:
        capability = _capability(options, None if isinstance(gpu, str) else gpu)
        parts: dict[str, object] = {"tensorrt_rtx": library_version(), "capability": capability}
        build = partial(build_rtx, options=options, capability=capability)
    else:
        parts = {
            "tensorrt": tensorrt_provider.provider_version(),
            "gpu": gpu.name,
            "capability": gpu.capability,
            "driver": driver_version(),
        }
        build = partial(build_by_provider, options=options, gpu=gpu)
    chosen = asdict(options.tensorrt)
    told = {name: chosen[name] for name in ("max_workspace_size", "builder_optimization_level")}
    shapes = profile_for(options, options.fixed_size)
    key = conversion_key("tensorrt", FORMAT, source, options, ranges, tf32=options.tf32, shapes=shapes, **told, **parts)
    return ArtifactCache().get_or_build(key, partial(graph_in_precision, source, options), build)


def load(source: ModelSource, options: DetectorOptions) -> TensorRtRuntime:
    """Builds the engine, or finds it built, and loads it."""
    gpu = find_gpu(options.device)
    if isinstance(gpu, str):
        raise RuntimeUnavailableError(f"runtime 'tensorrt' cannot run here: {gpu}")
    artifact = convert(source, options)
    if _missing_for_rtx(gpu) is None:
        return TensorRtRuntime(artifact, options, rtx_session(artifact, options, gpu), gpu.name)
    return TensorRtRuntime(artifact, options, provider_session(artifact.folder, options, gpu), gpu.name)


class TensorRtRuntime(Runtime):
    """The engine, in a session of ONNX Runtime."""

    name = "tensorrt"
    parallel = 2

    def __init__(self, artifact: Artifact, options: DetectorOptions, session: DeviceSession, device: str) -> None:
        about = json.loads((artifact.folder / ABOUT).read_text(encoding="utf-8"))
        self.precision = Precision(options.precision)
        self.arithmetic = "tf32" if options.tf32 and self.precision is Precision.FP32 else _ARITHMETIC[self.precision]
        self.device = device
        self.model_bytes = artifact.bytes
        self.batches = options.tensorrt.batches
        self.batch = max(self.batches)
        self.size = size_of_all(tuple(about["sides"]), options.fixed_size)
        self._profile = Profile(*(tuple(shape) for shape in about["profile"]))
        self._exact = {self.size or EVALUATION_SIZE}
        self._session = session
        self._graphs = options.tensorrt.cuda_graph_enable
        self._turn = Lock() if self._graphs else nullcontext()  # CUDA graphs of a session run one at a time

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        parts = [self._maps(images[at : at + self.batch]) for at in range(0, len(images), self.batch)]
        return Maps(*(np.concatenate(maps) for maps in zip(*parts, strict=True)))

    def candidates(self, images: Images, score_threshold: float) -> list[Candidates]:
        parts = [images[at : at + self.batch] for at in range(0, len(images), self.batch)]
        return [one for part in parts for one in self._candidates(part, score_threshold)]

    def warm_up(self, size: Size, batch: int = 1) -> None:
        """Has TensorRT compile what it compiles for exactly this size and the smallest batch that holds ``batch``."""
        self._exact.add(Size(*size))
        for _ in range(3 if self._graphs else 1):  # CUDA graphs are captured after two ordinary runs
            super().warm_up(size, batch)

    def close(self) -> None:
        self._session.close()

    def _maps(self, images: Images) -> Maps:
        buffer = self._filled(images)
        with self._running(buffer, 1.0) as fetch:
            return _unpadded(images, fetch(PACKED), fetch(FrozenModel.geometry_name))

    def _candidates(self, images: Images, threshold: float) -> Iterator[Candidates]:
        buffer = self._filled(images)
        rows, columns = (side // STRIDE for side in buffer.shape[1:3])
        slots = capacity(rows * columns)
        height, width = (side // STRIDE for side in images[0].shape[:2])
        with self._running(buffer, threshold) as fetch:
            packed = fetch(PACKED)
            short = (packed[: len(images), -1] > slots).any()
            maps = _unpadded(images, packed, fetch(FrozenModel.geometry_name)) if short else None
        for index in range(len(images)):
            found = unpack(packed[index], rows, columns)
            if found is not None:
                yield cropped(found, height, width)
            elif maps is not None:
                yield select_candidates(maps.score[index], maps.geometry[index], threshold)

    @contextmanager
    def _running(self, buffer: NDArray[np.uint8], threshold: float) -> Iterator[Fetch]:
        others = {THRESHOLD: np.array([threshold], np.float32)}
        with self._turn, self._session.run((FrozenModel.input_name, buffer), **others) as fetch:
            yield fetch

    def _filled(self, images: Images) -> NDArray[np.uint8]:
        """The images in the shape in which the engine takes them."""
        height, width, _ = images[0].shape
        buffer = np.zeros(self._shape(len(images), Size(height, width)), np.uint8)
        fill(buffer, images)
        return buffer

    def _shape(self, count: int, size: Size) -> Shape:
        """The shape to run images in: a bucket's, or their own where the engine does not take that."""
        batch = batch_bucket(count, self.batches)
        shapes: list[Shape] = [(batch, *bucket(size, self._exact), 3), (batch, *size, 3)]
        for shape in shapes:
            if self._profile.holds(shape):
                return shape
        raise ConversionError(
            f"no TensorRT engine for {batch} images of {size} (built for {self._profile}): "
            "convert with another profile_max_size, profile_min_size or input_size"
        )


def outputs_of(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The shapes of what an engine gives of images of a shape."""
    batch, rows, columns = shape[0], shape[1] // STRIDE, shape[2] // STRIDE
    return {FrozenModel.geometry_name: (batch, rows, columns, 5), PACKED: (batch, packed_length(rows * columns))}


def build_rtx(folder: Path, graph: FrozenModel, options: DetectorOptions, capability: tuple[int, int] | None) -> None:
    """Writes an engine of TensorRT for RTX, its layers, and the ONNX model that stands for it.

    Args:
        folder: to write to.
        graph: in the precision that was asked for.
        options: of the detector.
        capability: the compute capability to build for, None for all.

    Raises:
        ConversionError: TensorRT does not take the whole network, or not in the precision that was asked for.
    """
    from .conversion.tensorrt_context import save_context
    from .conversion.tensorrt_engine import PORTABLE, build_engine

    model, profile = _exported(folder, graph, options)
    serialised = model.SerializeToString()
    engine = build_engine(
        serialised,
        profile,
        optimization_level=options.tensorrt.builder_optimization_level,
        workspace=options.tensorrt.max_workspace_size,
        tf32=options.tf32,
        capability=capability,
    )
    check_types(model, engine.layers)
    target = ".".join(map(str, capability)) if capability else PORTABLE
    save_context(folder, serialised, engine.plan, tensorrt_rtx.PROVIDER, target)
    save_layers(folder, engine.layers)
    ConversionReport(graph.operations, count_kinds(engine.layers), engines=1, converted=1.0).save(folder)


def build_by_provider(folder: Path, graph: FrozenModel, options: DetectorOptions, gpu: Gpu) -> None:
    """Writes the ONNX model, and beside it what ONNX Runtime's TensorRT provider builds of it on this GPU.

    Args:
        folder: to write to.
        graph: in the precision that was asked for.
        options: of the detector.
        gpu: to build on.

    Raises:
        ConversionError: it leaves convolutions to another provider.
    """
    model, _ = _exported(folder, graph, options)
    (folder / MODEL).write_bytes(model.SerializeToString())
    session = _session_by_provider(folder, options, gpu)
    assignment(session, tensorrt_provider.PROVIDER, graph.operations).save(folder)


def rtx_session(artifact: Artifact, options: DetectorOptions, gpu: Gpu) -> DeviceSession:
    """The session of an engine that `build_rtx` wrote. Raises `ConversionError` where it cannot be loaded."""
    ort = onnxruntime()
    from .conversion.tensorrt_context import ENGINE
    from .conversion.tensorrt_engine import why_invalid

    device = tensorrt_rtx.plugin_device(gpu)
    if (reason := why_invalid((artifact.folder / ENGINE).read_bytes())) is not None:
        raise ConversionError(f"the TensorRT engine in {artifact.folder} does not run on the {gpu.name}: {reason}")
    graphs = options.tensorrt.cuda_graph_enable
    artifact.kernels.mkdir(exist_ok=True)
    told = ort.SessionOptions()
    told.add_session_config_entry(*RECORD)
    told.add_provider_for_devices(
        [device], {"nv_runtime_cache_path": str(artifact.kernels), "enable_cuda_graph": str(int(graphs))}
    )
    session = _opened(artifact.folder, told)
    assignment(session, tensorrt_rtx.PROVIDER, {})
    graph_option = "cuda_graph_annotation_id" if graphs else ""
    return DeviceSession(session, outputs_of, Device("gpu", gpu.number, _NVIDIA), graph_option)


def provider_session(folder: Path, options: DetectorOptions, gpu: Gpu) -> DeviceSession:
    """The session of what `build_by_provider` wrote. Raises `ConversionError` where it is left to another provider."""
    session = _session_by_provider(folder, options, gpu)
    assignment(session, tensorrt_provider.PROVIDER, {})
    graph_option = "gpu_graph_id" if options.tensorrt.cuda_graph_enable else ""
    return DeviceSession(session, outputs_of, Device("cuda", gpu.number), graph_option)


def check_types(model: ModelProto, layers: Sequence[EngineLayer]) -> None:
    """Compares what an engine's convolutions compute in with what the model says.

    Raises:
        ConversionError: convolutions are not in the engine, or not in the precision that they were asked for.
    """
    wanted = wanted_types(model)
    found = convolution_types(layers, wanted)
    wrong = Counter(
        f"{kind} as {found.get(name, 'nothing')}" for name, kind in wanted.items() if found.get(name) != kind
    )
    if wrong:
        told = ", ".join(f"{count} of {kinds}" for kinds, count in sorted(wrong.items()))
        raise ConversionError(f"TensorRT built {wrong.total()} of {len(wanted)} convolutions otherwise: {told}")


def profile_for(options: DetectorOptions, size: Size | None) -> Profile:
    """The shapes that an engine is built for: ``size`` where there is only one, else as the options say."""
    chosen = options.tensorrt
    side = -(-(options.max_side or MAX_SIDE) // STEP) * STEP
    least = size or chosen.profile_min_size or (32, 32)
    most = size or chosen.profile_max_size or (side, side)
    best = size or chosen.profile_opt_size or EVALUATION_SIZE
    within = tuple(min(max(one, low), high) for one, low, high in zip(best, least, most, strict=True))
    counts = (min(chosen.batches), chosen.batches[0], max(chosen.batches))
    return Profile(*((count, *sides, 3) for count, sides in zip(counts, (least, within, most), strict=True)))


def _exported(folder: Path, graph: FrozenModel, options: DetectorOptions) -> tuple[ModelProto, Profile]:
    """The network in ONNX, with selection, and its shapes, which are put on record."""
    from .conversion.onnx_graph import to_onnx
    from .gpu.onnx_selection import with_selection

    size = size_of_all(graph.sides, options.fixed_size)
    profile = profile_for(options, size)
    about = {"profile": profile, "sides": size or graph.sides}
    (folder / ABOUT).write_text(json.dumps(about) + "\n", encoding="utf-8")
    return with_selection(to_onnx(graph, size)), profile


def _unpadded(images: Images, packed: NDArray[np.float32], geometry: NDArray[np.float32]) -> Maps:
    """The maps of the images, without what they were filled up with."""
    _, rows, columns, _ = geometry.shape
    count, height, width = len(images), *(side // STRIDE for side in images[0].shape[:2])
    score = packed[:, : rows * columns].reshape(-1, rows, columns)
    return Maps(score[:count, :height, :width], geometry[:count, :height, :width])


def _session_by_provider(folder: Path, options: DetectorOptions, gpu: Gpu) -> Any:
    ort = onnxruntime()
    if not options.tf32:
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")  # the provider has no option for it
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    profile = Profile(*(tuple(shape) for shape in about["profile"]))
    told = ort.SessionOptions()
    told.add_session_config_entry(*RECORD)
    chosen = tensorrt_provider.provider_options(options, gpu, FrozenModel.input_name, profile, folder)
    return _opened(folder, told, [(tensorrt_provider.PROVIDER, dict(chosen))])


def _opened(folder: Path, told: Any, providers: Sequence[Any] | None = None) -> Any:
    """The session of a model that is kept in a folder."""
    try:
        return onnxruntime().InferenceSession(str(folder / MODEL), told, providers)
    except Exception as error:  # ONNX Runtime has many classes of them, and no base of their own
        reason = str(error).splitlines()[0]
        raise ConversionError(f"ONNX Runtime cannot load {folder / MODEL} in TensorRT: {reason}") from error


def _missing_for_rtx(gpu: Gpu) -> str | None:
    """Why TensorRT for RTX is not the way for this GPU; None when it is. What no installation mends comes first."""
    return tensorrt_rtx.unsupported(gpu, driver_version()) or missing_libraries()


def _capability(options: DetectorOptions, gpu: Gpu | None) -> tuple[int, int] | None:
    """What an engine is built for: the capability asked for, or this GPU's, or else None for all."""
    if options.tensorrt.compute_capability is not None:
        major, minor = options.tensorrt.compute_capability.split(".")
        return int(major), int(minor)
    return gpu and gpu.capability
