from __future__ import annotations

import ctypes
from typing import Any

import pytest

from east.runtimes.gpu import nvidia

LADA = nvidia.Gpu(0, "NVIDIA L4", (8, 9), "0000:01:00.0")
HOPPER = nvidia.Gpu(1, "NVIDIA H100 80GB HBM3", (9, 0), "0000:06:00.0")


class FakeDriver:
    """libcuda and libnvidia-ml as far as they are asked, for two GPUs."""

    def __init__(self, *gpus: nvidia.Gpu, version: bytes = b"580.159.04", status: int = 0) -> None:
        self.gpus, self.version, self.status = gpus, version, status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self.gpus)
        return 0

    def cuDeviceGet(self, handle: Any, number: int) -> int:  # noqa: N802
        handle._obj.value = 10 + number
        return 0

    def cuDeviceGetName(self, text: Any, _: int, handle: Any) -> int:  # noqa: N802
        text.value = self.gpus[handle.value - 10].name.encode()
        return 0

    def cuDeviceGetPCIBusId(self, text: Any, _: int, handle: Any) -> int:  # noqa: N802
        text.value = self.gpus[handle.value - 10].bus.upper().encode()
        return 0

    def cuDeviceGetAttribute(self, value: Any, which: int, handle: Any) -> int:  # noqa: N802
        value._obj.value = self.gpus[handle.value - 10].capability[which - 75]
        return 0

    def nvmlSystemGetDriverVersion(self, text: Any, _: int) -> int:  # noqa: N802
        text.value = self.version
        return self.status

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.status if name.startswith("nvml") else 0


def drive(monkeypatch: pytest.MonkeyPatch, driver: FakeDriver) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)


@pytest.mark.parametrize(("device", "gpu"), [("auto", LADA), ("gpu", LADA), ("gpu:0", LADA), ("gpu:1", HOPPER)])
def test_what_the_driver_says_of_a_gpu(device: str, gpu: nvidia.Gpu, monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, FakeDriver(LADA, HOPPER))
    assert nvidia.find_gpu(device) == gpu


def test_why_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, FakeDriver(LADA, HOPPER))
    assert nvidia.find_gpu("gpu:2") == "no gpu:2 here: GPUs that the driver shows: 2"
    drive(monkeypatch, FakeDriver())
    assert "the NVIDIA driver shows no GPU" in str(nvidia.find_gpu())


def test_the_driver_s_version(monkeypatch: pytest.MonkeyPatch) -> None:
    drive(monkeypatch, FakeDriver(LADA))
    assert nvidia.driver_version() == (580, 159, 4)
    drive(monkeypatch, FakeDriver(LADA, status=9))
    assert nvidia.driver_version() == ()

    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert nvidia.driver_version() == ()
    assert "no driver for it (libcuda.so.1)" in str(nvidia.find_gpu())
