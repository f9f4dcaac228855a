"""What is not installed by default, and the extra of this project that brings it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

from .errors import MissingPackageError

EXTRAS: Final = {
    "tensorflow": ("tensorflow", "keras"),
    "serve": (
        "fastapi", "starlette", "uvicorn", "h11", "python_multipart", "pydantic", "pydantic_settings",
        "prometheus_client", "opentelemetry", "httpx",
    ),
    "eval": ("matplotlib", "shapely"),
    "train": ("keras", "tensorboard", "fontTools", "matplotlib", "shapely"),
    "onnx": ("onnx", "onnxruntime"),
    "pdf": ("pypdfium2", "pikepdf"),
    "ocr": ("rapidocr", "pytesseract"),
    "parquet": ("pyarrow",),
    "ray": ("ray", "pyarrow", "pandas", "fsspec"),
    "tensorrt": ("tensorrt",),
    "tensorrt-rtx": ("tensorrt_rtx_bindings", "onnxruntime_ep_nv_tensorrt_rtx"),
}  # fmt: skip
"""The modules that each extra brings, as they are imported; one that is in several is asked for by the first."""

_WITH_TENSORFLOW = frozenset(["tensorflow", "gpu", "tensorrt"])


def is_installed(module: str) -> bool:
    """Whether a top-level module can be found; it is not imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def install(extra: str) -> str:
    """How to get an extra, in words."""
    python = ", on Python 3.12 or older" if extra in _WITH_TENSORFLOW and sys.version_info >= (3, 13) else ""
    return f"pip install 'east-text-detector[{extra}]'{python}"


def require(extra: str, purpose: str) -> None:
    """Raises `MissingPackageError` unless all modules of an extra are installed; ``purpose`` is what needs them."""
    missing = [module for module in EXTRAS[extra] if not is_installed(module)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise MissingPackageError(f"{purpose} needs {missing[0]}{more}: {install(extra)}")


def needed(module: str, purpose: str, extra: str = "") -> None:
    """Raises `MissingPackageError` unless a module can be found; ``purpose`` needs it, ``extra`` perhaps has it."""
    if not is_installed(module):
        raise MissingPackageError(f"{purpose} needs {module}: {install(extra) if extra else f'pip install {module}'}")


def missing_package(error: ModuleNotFoundError, purpose: str) -> ImportError:
    """The error to raise for a failed import: one that names the extra, or the same where no extra has the module."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return MissingPackageError(f"{purpose} needs {module}: {install(extra)}")
    return error
