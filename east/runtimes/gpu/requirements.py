"""What TensorFlow, and TensorRT in it, need to run on an NVIDIA GPU, and whether it is here.

The driver is asked first: TensorFlow need not be imported to learn that there is none.
"""

from __future__ import annotations

import ctypes
import os
from importlib import metadata

from ...extras import install, is_installed
from ...frameworks import tensorflow

_LAST_WITH_TF_TRT = (2, 17)


def missing_for_tensorflow(device: str = "auto", extra: str = "gpu") -> str | None:
    """What is missing to run TensorFlow on a GPU, or on ``gpu:N``, and how to get it; None when nothing is.

    ``extra`` is the one, of `east.extras`, that brings TensorFlow for the GPU and what else is wanted.
    """
    if (problem := missing_driver()) is not None:
        return problem
    if not is_installed("tensorflow"):
        return f"TensorFlow is not installed: {install(extra)}"
    tf = tensorflow()
    if not tf.test.is_built_with_cuda():
        return f"this build of TensorFlow is for the CPU only: {install(extra)}"
    gpus = len(tf.config.list_physical_devices("GPU"))
    if not gpus:
        return f"TensorFlow does not find its CUDA libraries: {install(extra)}"
    return None if int(device.partition(":")[2] or 0) < gpus else f"no {device} here: GPUs that TensorFlow sees: {gpus}"


def missing_for_tensorrt(device: str = "auto") -> str | None:
    """The same for converting and running with TensorRT."""
    version = _tensorflow_version()
    if tuple(int(part) for part in version.split(".")[:2]) > _LAST_WITH_TF_TRT:
        return f"TensorFlow {version} has no TF-TRT, which ended with 2.17: {install('tensorrt')}"
    if (problem := missing_for_tensorflow(device, "tensorrt")) is not None:
        return problem
    from tensorflow.compiler.tf2tensorrt import _pywrap_py_utils as tensorrt

    wanted = tensorrt.get_linked_tensorrt_version()
    if not any(wanted):
        return f"this build of TensorFlow has no TensorRT in it: {install('tensorrt')}"
    libraries = f"pip install tensorrt=={_dotted(wanted)}"
    if not tensorrt.is_tensorrt_enabled():
        return f"TensorRT's libraries are missing: {libraries}"
    found = tensorrt.get_loaded_tensorrt_version()  # which ends the process where the libraries are missing
    if found[0] != wanted[0] or found < wanted:
        return (
            f"TensorRT {_dotted(found)} is here, TensorFlow needs {_dotted(wanted)} or a later {wanted[0]}: {libraries}"
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


def _tensorflow_version() -> str:
    """As it is installed, or nothing much where it goes by another name, such as tensorflow-cpu."""
    try:
        return metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        return "0.0"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
