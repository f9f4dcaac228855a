"""The Python bindings of TensorRT for RTX, and the libraries that they need.

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
from ...extras import install

PLUGIN: Final = "onnxruntime_ep_nv_tensorrt_rtx"

_BINDINGS = "tensorrt_rtx_bindings"


def missing_libraries() -> str | None:
    """What is not installed, and how to get it; None when nothing is missing."""
    if sys.platform not in ("linux", "win32") or platform.machine().lower() not in ("x86_64", "amd64"):
        return f"TensorRT for RTX is for Linux and Windows on x86-64, not for {sys.platform} on {platform.machine()}"
    missing = [name for name in ("onnx", "onnxruntime", PLUGIN, _BINDINGS) if find_spec(name) is None]
    return f"TensorRT for RTX is not installed ({', '.join(missing)}): {install('tensorrt-rtx')}" if missing else None


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
    spec = find_spec(PLUGIN)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeUnavailableError(f"TensorRT for RTX is not installed ({PLUGIN}): {install('tensorrt-rtx')}")
    return Path(next(iter(spec.submodule_search_locations)))
