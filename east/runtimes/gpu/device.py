"""What keeps TensorFlow, or TensorRT in it, from an NVIDIA GPU here.

The driver is asked first: TensorFlow need not be imported to learn that there is none.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from importlib import metadata
from typing import Any

from ...errors import RuntimeUnavailableError
from ...frameworks import tensorflow

_GPU_BUILD = "pip install 'tensorflow[and-cuda]==2.17.1'"
_LAST_WITH_TF_TRT = (2, 17)


def missing_for_tensorflow() -> str | None:
    """What is missing to run TensorFlow on a GPU, and how to get it; None when nothing is."""
    problem = missing_driver()
    if problem is not None:
        return problem
    tf = tensorflow()
    if not tf.test.is_built_with_cuda():
        return f"this build of TensorFlow is for the CPU only: {_GPU_BUILD}"
    if not tf.config.list_physical_devices("GPU"):
        return f"TensorFlow does not find its CUDA libraries: {_GPU_BUILD}"
    return None


def missing_for_tensorrt() -> str | None:
    """What is missing to convert and run with TensorRT, and how to get it; None when nothing is.

    TensorRT's version is asked last, because TensorFlow ends the process when asked for the version of a library
    that is not there.
    """
    version = _tensorflow_version()
    if tuple(int(part) for part in version.split(".")[:2]) > _LAST_WITH_TF_TRT:
        return f"TensorFlow {version} has no TF-TRT, which ended with 2.17: {_GPU_BUILD}"
    problem = missing_for_tensorflow()
    if problem is not None:
        return problem
    from tensorflow.compiler.tf2tensorrt import _pywrap_py_utils as tensorrt

    wanted = tensorrt.get_linked_tensorrt_version()
    if not any(wanted):
        return f"this build of TensorFlow has no TensorRT in it: {_GPU_BUILD}"
    install = f"pip install tensorrt=={_dotted(wanted)}"
    if not tensorrt.is_tensorrt_enabled():
        return f"TensorRT's libraries are missing: {install}"
    found = tensorrt.get_loaded_tensorrt_version()
    if found[0] != wanted[0] or found < wanted:
        return (
            f"TensorRT {_dotted(found)} is here, TensorFlow needs {_dotted(wanted)} or a later {wanted[0]}: {install}"
        )
    return None


def missing_driver() -> str | None:
    """What is missing below TensorFlow: the driver, or a GPU that it shows."""
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA GPU here, or no driver for it (libcuda.so.1)"
    count = ctypes.c_int(0)
    if cuda.cuInit(0) != 0 or cuda.cuDeviceGetCount(ctypes.byref(count)) != 0 or count.value == 0:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        hidden = f" (CUDA_VISIBLE_DEVICES is {visible!r})" if visible is not None else ""
        return f"the NVIDIA driver shows no GPU{hidden}"
    return None


def set_up_gpu(memory_fraction: float | None) -> Any:
    """The first GPU as TensorFlow's physical device, or None, once it is told how much memory it may take.

    memory_fraction: of the GPU's memory, at most. Without it TensorFlow takes memory as it needs it, unless it has
        already started in this process and been told otherwise.
    Raises `RuntimeUnavailableError` when TensorFlow has already started with another share.
    """
    tf = tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    if memory_fraction is None:
        with suppress(RuntimeError, ValueError):
            for gpu in gpus:  # they must not differ
                tf.config.experimental.set_memory_growth(gpu, True)
        return gpus[0]
    limit = tf.config.LogicalDeviceConfiguration(memory_limit=int(_memory_mb() * memory_fraction))
    try:
        tf.config.set_logical_device_configuration(gpus[0], [limit])
    except RuntimeError as error:
        raise RuntimeUnavailableError(
            "TensorFlow has already started in this process, with another share of the GPU's memory"
        ) from error
    return gpus[0]


def describe_gpu(device: Any) -> dict[str, str]:
    """Name and compute capability."""
    details = tensorflow().config.experimental.get_device_details(device)
    capability = details.get("compute_capability", ())
    return {"gpu": str(details.get("device_name", "NVIDIA GPU")), "capability": ".".join(map(str, capability))}


def _tensorflow_version() -> str:
    """As it is installed, or nothing much where it goes by another name, such as tensorflow-cpu."""
    try:
        return metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        return "0.0"


def _memory_mb() -> int:
    cuda = ctypes.CDLL("libcuda.so.1")
    size = ctypes.c_size_t(0)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(size), 0)
    return size.value >> 20


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
