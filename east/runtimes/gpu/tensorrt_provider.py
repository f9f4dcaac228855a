"""ONNX Runtime's own TensorRT provider: whether it is here, and how it is told what to build."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ...extras import install
from ...frameworks import onnxruntime
from ...options import DetectorOptions
from ...types import Precision
from ..conversion.tensorrt_engine import Profile
from .nvidia import Gpu

PROVIDER: Final = "TensorrtExecutionProvider"
INSTALL: Final = "pip install onnxruntime-gpu tensorrt-cu12"

_LIBRARY = "nvinfer_10.dll" if sys.platform == "win32" else "libnvinfer.so.10"


def missing_provider() -> str | None:
    """What is missing for ONNX Runtime's TensorRT provider, and how to get it; None when nothing is."""
    if find_spec("onnxruntime") is None:
        return f"ONNX Runtime is not installed: {INSTALL}"
    if find_spec("onnx") is None:
        return f"the package onnx is not installed: {install('onnx')}"
    if PROVIDER not in onnxruntime().get_available_providers():
        return f"this build of ONNX Runtime has no TensorRT provider: {INSTALL}"
    if find_spec("tensorrt_libs") is not None:
        with suppress(OSError, ImportError):
            import_module("tensorrt_libs")  # loads them, so that they are found by name
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return f"TensorRT 10's libraries are missing ({_LIBRARY}): {INSTALL}"
    return None


def provider_version() -> str:
    """The versions of ONNX Runtime, and of TensorRT where it was installed by pip."""
    found = [version("onnxruntime-gpu")]
    with suppress(ImportError):
        found.append(version("tensorrt-cu12"))
    return " ".join(found)


def provider_options(
    options: DetectorOptions, gpu: Gpu, images: str, profile: Profile, caches: Path
) -> Mapping[str, str]:
    """What the provider is told.

    Args:
        options: of the detector.
        gpu: to run on.
        images: name of the model's input.
        profile: the shapes that it takes.
        caches: folder for engines and what was learnt about the speed of their layers.
    """
    chosen = options.tensorrt
    told: dict[str, object] = {
        "device_id": gpu.number,
        "trt_fp16_enable": options.precision is not Precision.FP32,
        "trt_int8_enable": options.precision is Precision.INT8,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": caches,
        "trt_timing_cache_enable": True,
        "trt_timing_cache_path": caches,
        "trt_builder_optimization_level": chosen.builder_optimization_level,
        "trt_cuda_graph_enable": chosen.cuda_graph_enable,
    }
    for name, shape in zip(("min", "opt", "max"), profile, strict=True):
        told[f"trt_profile_{name}_shapes"] = f"{images}:{'x'.join(map(str, shape))}"
    if chosen.max_workspace_size is not None:
        told["trt_max_workspace_size"] = chosen.max_workspace_size
    return {name: str(value) for name, value in told.items()}
