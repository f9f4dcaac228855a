"""TensorRT for RTX on a GPU: which ones it runs on, and ONNX Runtime's plugin for it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from ...errors import RuntimeUnavailableError
from ...frameworks import onnxruntime
from ..conversion.tensorrt_bindings import PLUGIN, load_libraries
from .nvidia import Gpu

PROVIDER: Final = "NvTensorRTRTXExecutionProvider"

_CAPABILITIES: Final = ((8, 6), (8, 9))  # that the plugin runs on, and every one from the next
_FROM: Final = (12, 0)
_DRIVERS: Final = {8: (555, 85), 12: (570, 0)}  # the oldest, by the capability's major


def unsupported(gpu: Gpu, driver: tuple[int, ...]) -> str | None:
    """Why TensorRT for RTX does not run on this GPU with this driver; None when it does, or the driver is unknown."""
    major, minor = gpu.capability
    if gpu.capability not in _CAPABILITIES and gpu.capability < _FROM:
        known = ", ".join(f"{one}.{other}" for one, other in (*_CAPABILITIES, _FROM))
        return (
            f"TensorRT for RTX does not run on compute capability {major}.{minor} ({gpu.name}), "
            f"only on {known} and later"
        )
    oldest = _DRIVERS[8 if major < _FROM[0] else _FROM[0]]
    if driver and driver[:2] < oldest:
        shown = ".".join(map(str, driver))
        return f"the NVIDIA driver {shown} is too old for TensorRT for RTX: install {oldest[0]}.{oldest[1]:02} or later"
    return None


def plugin_device(gpu: Gpu) -> Any:
    """ONNX Runtime's name of a GPU for its TensorRT-for-RTX plugin, which is loaded for it.

    Raises:
        RuntimeUnavailableError: the plugin cannot be loaded, or does not find the GPU.
    """
    ort = onnxruntime()

    try:
        load_libraries()  # the plugin's own package leaves out the CUDA runtime
        plugin = import_module(PLUGIN)
        if not any(device.ep_name == PROVIDER for device in ort.get_ep_devices()):
            ort.register_execution_provider_library(PROVIDER, plugin.get_library_path())
    except Exception as error:  # ONNX Runtime has many classes of them, and no base of their own
        reason = str(error).splitlines()[0]
        raise RuntimeUnavailableError(f"ONNX Runtime cannot load TensorRT for RTX: {reason}") from error
    found = [device for device in ort.get_ep_devices() if device.ep_name == PROVIDER]
    for device in found:
        if device.device.metadata.get("pci_bus_id", gpu.bus).lower() == gpu.bus:
            return device
    raise RuntimeUnavailableError(
        f"ONNX Runtime does not find the {gpu.name} at {gpu.bus} for TensorRT for RTX: "
        "it looks for GPUs in /sys/class/drm, which containers may have to be given"
    )
