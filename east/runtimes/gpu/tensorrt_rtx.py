"""TensorRT for RTX: where its libraries are, which GPUs it runs on, and its Python bindings.

Two packages make it up: the libraries lie in that of the ONNX Runtime plugin, and the bindings, which look for them on
the loader's path, in one of their own. Loaded by their full paths beforehand, they are found.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final

from ...errors import RuntimeUnavailableError
from .nvidia import Gpu

PROVIDER: Final = "NvTensorRTRTXExecutionProvider"
INSTALL: Final = "pip install 'east-text-detector[tensorrt-rtx]'"

_PLUGIN, _BINDINGS = "onnxruntime_ep_nv_tensorrt_rtx", "tensorrt_rtx_bindings"
_CAPABILITIES: Final = ((8, 6), (8, 9))  # that the plugin runs on, and every one from the next
_FROM: Final = (12, 0)
_DRIVERS: Final = {8: (555, 85), 12: (570, 0)}  # the oldest, by the capability's major


def missing_libraries() -> str | None:
    """What is not installed, and how to get it; None when nothing is missing."""
    if sys.platform not in ("linux", "win32") or platform.machine().lower() not in ("x86_64", "amd64"):
        return f"TensorRT for RTX is for Linux and Windows on x86-64, not for {sys.platform} on {platform.machine()}"
    missing = [name for name in ("onnx", "onnxruntime", _PLUGIN, _BINDINGS) if find_spec(name) is None]
    return f"TensorRT for RTX is not installed ({', '.join(missing)}): {INSTALL}" if missing else None


def unsupported(gpu: Gpu, driver: tuple[int, ...]) -> str | None:
    """Why TensorRT for RTX does not run on this GPU with this driver; None when it does, or the driver is unknown."""
    major, minor = gpu.capability
    if gpu.capability not in _CAPABILITIES and gpu.capability < _FROM:
        known = ", ".join(f"{one}.{other}" for one, other in (*_CAPABILITIES, _FROM))
        return f"TensorRT for RTX does not run on compute capability {major}.{minor} ({gpu.name}), only on {known} and later"
    oldest = _DRIVERS[8 if major < _FROM[0] else _FROM[0]]
    if driver and driver[:2] < oldest:
        shown = ".".join(map(str, driver))
        return f"the NVIDIA driver {shown} is too old for TensorRT for RTX: install {oldest[0]}.{oldest[1]:02} or later"
    return None


def library_version() -> str:
    """The version of TensorRT for RTX that is installed, without loading it."""
    return version("tensorrt-rtx-cu12-bindings")


@cache
def bindings() -> ModuleType:
    """The ``tensorrt_rtx_bindings`` module. It needs no GPU.

    Raises:
        RuntimeUnavailableError: the libraries are not installed, or cannot be loaded.
    """
    if (missing := missing_libraries()) is not None:
        raise RuntimeUnavailableError(missing)
    try:
        load_libraries()
        return import_module(_BINDINGS)
    except (OSError, ImportError) as error:
        raise RuntimeUnavailableError(f"TensorRT for RTX cannot be loaded: {error}") from error


def load_libraries() -> None:
    """Loads the libraries that the bindings and the plugin need, so that the loader need not look for them."""
    folder = _folder()
    if sys.platform == "win32":
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"  # where the bindings look
        os.add_dll_directory(str(folder))
        return
    for pattern in ("libcudart.so.*", "libtensorrt_rtx.so.*.*", "libtensorrt_onnxparser_rtx.so.*.*"):
        for library in sorted(folder.glob(pattern))[-1:]:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)


def _folder() -> Path:
    spec = find_spec(_PLUGIN)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeUnavailableError(f"TensorRT for RTX is not installed ({_PLUGIN}): {INSTALL}")
    return Path(next(iter(spec.submodule_search_locations)))
