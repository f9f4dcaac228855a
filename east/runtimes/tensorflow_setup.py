"""TensorFlow's settings, which hold for the whole process (threads, TF32, GPU memory), and where in it to compute."""

from __future__ import annotations

import ctypes
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from ..errors import RuntimeUnavailableError
from ..frameworks import tensorflow
from ..options import DetectorOptions
from ..types import Precision


@dataclass(frozen=True)
class Device:
    """A processor that TensorFlow computes on.

    Attributes:
        name: the processor's, in words.
        gpu: the CUDA driver's number of a GPU; None for the CPU.
        capability: the compute capability of a GPU, such as ``9.0``.
        place: TensorFlow's name of it, such as ``/GPU:1``; empty where TensorFlow computes without being told.
    """

    name: str = "CPU"
    gpu: int | None = None
    capability: str = ""
    place: str = ""

    def scope(self) -> AbstractContextManager[object]:
        """A context in which TensorFlow places here what it makes and runs."""
        return tensorflow().device(self.place) if self.place else nullcontext()

    def arithmetic(self, options: DetectorOptions) -> str:
        """What convolutions compute in here, as in `Runtime`."""
        single = "tf32" if options.tf32 and self.gpu is not None else "f32"
        return {Precision.FP16: "f16", Precision.INT8: "i8"}.get(Precision(options.precision), single)


def configure_tensorflow(options: DetectorOptions) -> Device:
    """Sets TensorFlow up as the options say; what has to be set before TensorFlow starts, only once in a process.

    Without ``gpu_memory_fraction`` TensorFlow takes GPU memory as it needs it, unless it has already started and been
    told otherwise. With it, each GPU it sees has its own limit.

    Returns the device to compute on: the one asked for, or for ``auto`` the first GPU, or else the CPU.
    Raises `RuntimeUnavailableError` when TensorFlow has already started with other threads or another share of memory,
    or does not see the device.
    """
    tf = tensorflow()
    gpus = tf.config.get_visible_devices("GPU")
    try:
        if options.threads not in (None, tf.config.threading.get_intra_op_parallelism_threads()):
            tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        _share_memory(tf, gpus, options.gpu_memory_fraction)
    except RuntimeError as error:
        raise RuntimeUnavailableError(
            "TensorFlow has already started in this process, with other threads or another share of the GPU's memory"
        ) from error
    tf.config.experimental.enable_tensor_float_32_execution(options.tf32)
    kind, _, number = options.device.partition(":")
    if kind == "cpu" or (kind == "auto" and not gpus):
        return Device(place="/CPU:0" if gpus else "")
    index = int(number or 0)
    if index >= len(gpus):
        raise RuntimeUnavailableError(f"no {options.device} here: GPUs that TensorFlow sees: {len(gpus)}")
    details = tf.config.experimental.get_device_details(gpus[index])
    capability = ".".join(map(str, details.get("compute_capability", ())))
    name = str(details.get("device_name", "NVIDIA GPU"))
    return Device(name, _driver_number(gpus[index]), capability, f"/GPU:{index}" if index else "")


def _share_memory(tf: Any, gpus: list[Any], fraction: float | None) -> None:
    if fraction is None:
        with suppress(RuntimeError, ValueError):
            for gpu in gpus:  # they must not differ
                tf.config.experimental.set_memory_growth(gpu, True)
        return
    for gpu in gpus:
        limit = int(_memory_mb(gpu) * fraction)
        tf.config.set_logical_device_configuration(gpu, [tf.config.LogicalDeviceConfiguration(memory_limit=limit)])


def _driver_number(gpu: Any) -> int:
    return int(gpu.name.rpartition(":")[2])


def _memory_mb(gpu: Any) -> int:
    size = ctypes.c_size_t(0)
    ctypes.CDLL("libcuda.so.1").cuDeviceTotalMem_v2(ctypes.byref(size), _driver_number(gpu))
    return size.value >> 20
