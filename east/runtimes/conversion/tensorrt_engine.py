"""TensorRT engines built from ONNX models, by the bindings of TensorRT for RTX. No GPU is needed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from ...errors import ConversionError
from .tensorrt_bindings import bindings
from .tensorrt_layers import HEADING, EngineLayer, read_layers

PORTABLE: Final = "8.0 and later"
"""What an engine is built for that is not told a compute capability."""

_log = logging.getLogger(__name__)


class Profile(NamedTuple):
    """The shapes ``(N, H, W, 3)`` of images that an engine takes: least, what it is tuned for, most."""

    least: tuple[int, ...]
    best: tuple[int, ...]
    most: tuple[int, ...]

    def holds(self, shape: Sequence[int]) -> bool:
        """Whether images of that shape may be given to the engine."""
        return all(low <= side <= high for low, side, high in zip(self.least, shape, self.most, strict=True))

    def __str__(self) -> str:
        return " to ".join("x".join(map(str, shape[:3])) for shape in (self.least, self.most))


@dataclass(frozen=True, eq=False)
class Engine:
    """A network compiled by TensorRT.

    Attributes:
        plan: the serialised engine.
        layers: what it consists of.
    """

    plan: bytes
    layers: tuple[EngineLayer, ...]


def build_engine(
    model: bytes,
    profile: Profile,
    *,
    optimization_level: int = 3,
    workspace: int | None = None,
    tf32: bool = False,
    capability: tuple[int, int] | None = None,
) -> Engine:
    """Builds an engine of a whole ONNX model, each tensor in the type that the model gives it.

    Args:
        model: serialised, with one input of images ``(N, H, W, 3)``.
        profile: the shapes of images that it is to take.
        optimization_level: how long to look for faster kernels, 0 to 5.
        workspace: bytes of GPU memory that a layer may use.
        tf32: whether single precision may be rounded to TF32.
        capability: the compute capability to build for, None for every one that the library knows.

    Raises:
        ConversionError: TensorRT refuses the model or a part of it, or fails; the message has its own words.
        RuntimeUnavailableError: TensorRT is not here.
    """
    trt = bindings()
    log = _Log.of(trt)
    builder = trt.Builder(log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model):
        told = "; ".join(f"{error.node_name() or 'model'}: {error.desc()}" for error in _errors(parser))
        raise ConversionError(f"TensorRT does not take the model whole: {told or log.last()}")
    images = [one.name for one in map(network.get_input, range(network.num_inputs)) if len(one.shape) == 4]
    if len(images) != 1:
        raise ConversionError(f"TensorRT finds {len(images)} inputs of images in the model, and not one")
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    config.builder_optimization_level = optimization_level
    if workspace is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, workspace)
    (config.set_flag if tf32 else config.clear_flag)(trt.BuilderFlag.TF32)
    if capability is not None:
        _build_for(trt, config, capability)
    shapes = builder.create_optimization_profile()
    shapes.set_shape(images[0], *profile)
    config.add_optimization_profile(shapes)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ConversionError(f"TensorRT cannot build an engine for images of {profile}: {log.last()}")
    return Engine(bytes(memoryview(plan)), read_layers(log.listing))


def why_invalid(plan: bytes) -> str | None:
    """Why an engine cannot be loaded on this machine, in words; None when it can. Asks the GPU."""
    trt = bindings()
    log = _Log.of(trt)
    validity, diagnostics = trt.Runtime(log).get_engine_validity(plan)
    if validity != trt.EngineValidity.INVALID:
        return None
    bits = trt.EngineInvalidityDiagnostics
    found = [words for name, words in _DIAGNOSTICS.items() if diagnostics & int(getattr(bits, name))]
    return ", ".join(found) or log.last() or "TensorRT does not say why"


_DIAGNOSTICS: Final[Mapping[str, str]] = {
    "VERSION_MISMATCH": "it was built by another version of TensorRT",
    "UNSUPPORTED_CC": "this GPU's compute capability is not one that it was built for",
    "OLD_CUDA_DRIVER": "the NVIDIA driver is too old",
    "OLD_CUDA_RUNTIME": "the CUDA runtime is too old",
    "INSUFFICIENT_GPU_MEMORY": "the GPU has too little memory",
    "MALFORMED_ENGINE": "it is damaged",
    "CUDA_ERROR": "CUDA fails",
}


class _Log:
    """Makes TensorRT's loggers: they keep the list of layers and the last error, and pass on warnings to ours."""

    @staticmethod
    def of(trt: Any) -> Any:
        class Log(trt.ILogger):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__()
                self.listing = ""
                self._errors: list[str] = []

            def log(self, severity: Any, message: str) -> None:
                if message.startswith(HEADING):
                    self.listing = message
                elif severity <= trt.ILogger.ERROR:
                    self._errors.append(message.strip())
                elif severity == trt.ILogger.WARNING:
                    _log.info("TensorRT: %s", message.strip())

            def last(self) -> str:
                return self._errors[-1] if self._errors else ""

        return Log()


def _errors(parser: Any) -> list[Any]:
    return [parser.get_error(index) for index in range(parser.num_errors)]


def _build_for(trt: Any, config: Any, capability: tuple[int, int]) -> None:
    name = f"SM{capability[0]}{capability[1]}"
    known = trt.ComputeCapability.__members__
    if name not in known:  # a later one, which a portable engine runs on
        return
    config.num_compute_capabilities = 1
    config.set_compute_capability(known[name], 0)
