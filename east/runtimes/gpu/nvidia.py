"""What the NVIDIA driver says of a GPU; no other library is asked, so it is cheap."""

from __future__ import annotations

import ctypes
import sys
from typing import Any, Final, NamedTuple

from .requirements import missing_driver

_MAJOR: Final = 75  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR; the minor one follows
_LIBRARIES: Final = ("nvcuda.dll", "nvml.dll") if sys.platform == "win32" else ("libcuda.so.1", "libnvidia-ml.so.1")


class Gpu(NamedTuple):
    """One GPU.

    Attributes:
        number: among those that the driver shows, from 0.
        name: as its maker calls it.
        capability: compute capability, major and minor.
        bus: where it is plugged in, such as ``0000:01:00.0``.
    """

    number: int
    name: str
    capability: tuple[int, int]
    bus: str


def find_gpu(device: str = "auto") -> Gpu | str:
    """The GPU of ``auto``, ``gpu`` or ``gpu:N``, or in words why there is none."""
    if (missing := missing_driver()) is not None:
        return missing
    cuda = ctypes.CDLL(_LIBRARIES[0])
    number, count, handle = int(device.partition(":")[2] or 0), ctypes.c_int(), ctypes.c_int()
    cuda.cuInit(0)
    cuda.cuDeviceGetCount(ctypes.byref(count))
    if number >= count.value:
        return f"no {device} here: GPUs that the driver shows: {count.value}"
    cuda.cuDeviceGet(ctypes.byref(handle), number)
    name, bus = ctypes.create_string_buffer(256), ctypes.create_string_buffer(32)
    cuda.cuDeviceGetName(name, len(name), handle)
    cuda.cuDeviceGetPCIBusId(bus, len(bus), handle)
    major, minor = (_attribute(cuda, handle, which) for which in (_MAJOR, _MAJOR + 1))
    return Gpu(number, name.value.decode(), (major, minor), bus.value.decode().lower())


def driver_version() -> tuple[int, ...]:
    """The version of the installed driver, such as (570, 86, 15); empty where it does not say."""
    try:
        management = ctypes.CDLL(_LIBRARIES[1])
    except OSError:
        return ()
    text = ctypes.create_string_buffer(80)
    if management.nvmlInit_v2() != 0:
        return ()
    try:
        if management.nvmlSystemGetDriverVersion(text, len(text)) != 0:
            return ()
    finally:
        management.nvmlShutdown()
    return tuple(int(part) for part in text.value.decode().split("."))


def _attribute(cuda: Any, handle: ctypes.c_int, which: int) -> int:
    value = ctypes.c_int()
    cuda.cuDeviceGetAttribute(ctypes.byref(value), which, handle)
    return value.value
