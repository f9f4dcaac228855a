from __future__ import annotations

import ctypes
import subprocess
import sys
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from east.frameworks import tensorflow
from east.runtimes.gpu import requirements as gpu


class FakeDriver:
    """libcuda as far as it is asked: whether it starts, and how many GPUs it shows."""

    def __init__(self, status: int, count: int) -> None:
        self.status, self.count = status, count

    def cuInit(self, _: int) -> int:  # noqa: N802
        return self.status

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = self.count
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: FakeDriver(0, 1))


@pytest.fixture
def gpu_in_tensorflow(driver: None, monkeypatch: pytest.MonkeyPatch) -> None:
    tf = tensorflow()
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["GPU:0", "GPU:1"])


def tensorrt(monkeypatch: pytest.MonkeyPatch, linked: tuple[int, ...], enabled: bool, loaded: Any) -> None:
    from tensorflow.compiler import tf2tensorrt

    def get_loaded() -> tuple[int, ...]:
        if not enabled:
            raise AssertionError("TensorFlow would have ended the process")
        return tuple(loaded)

    module = SimpleNamespace(
        get_linked_tensorrt_version=lambda: linked,
        is_tensorrt_enabled=lambda: enabled,
        get_loaded_tensorrt_version=get_loaded,
    )
    monkeypatch.setattr(tf2tensorrt, "_pywrap_py_utils", module)
    monkeypatch.setitem(sys.modules, "tensorflow.compiler.tf2tensorrt._pywrap_py_utils", module)


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert "no NVIDIA GPU here, or no driver" in str(gpu.missing_for_tensorflow())
    assert "no NVIDIA GPU here, or no driver" in str(gpu.missing_for_tensorrt())


@pytest.mark.parametrize(("status", "count"), [(100, 0), (0, 0)])
def test_a_driver_without_gpus(status: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: FakeDriver(status, count))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert gpu.missing_driver() == "the NVIDIA driver shows no GPU (CUDA_VISIBLE_DEVICES is '7')"


def test_a_cpu_build_of_tensorflow(driver: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorflow().test, "is_built_with_cuda", lambda: False)
    assert "CPU only: pip install 'east-text-detector[gpu]'" in str(gpu.missing_for_tensorflow())


def test_tensorflow_without_cuda_libraries(driver: None, monkeypatch: pytest.MonkeyPatch) -> None:
    tf = tensorflow()
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    assert "does not find its CUDA libraries" in str(gpu.missing_for_tensorflow())


def test_nothing_missing_for_tensorflow(gpu_in_tensorflow: None) -> None:
    assert gpu.missing_for_tensorflow() is None


def test_a_gpu_beyond_the_last_is_missing(gpu_in_tensorflow: None) -> None:
    assert gpu.missing_for_tensorflow("gpu") is gpu.missing_for_tensorflow("gpu:1") is None
    for missing in (gpu.missing_for_tensorflow, gpu.missing_for_tensorrt):
        assert missing("gpu:2") == "no gpu:2 here: GPUs that TensorFlow sees: 2"


@pytest.mark.parametrize("version", ["2.18.0", "2.21.1", "3.0.0rc1"])
def test_a_tensorflow_without_tf_trt(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: version)
    assert f"TensorFlow {version} has no TF-TRT" in str(gpu.missing_for_tensorrt())


def test_a_tensorflow_under_another_name(driver: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    monkeypatch.setattr(tensorflow().test, "is_built_with_cuda", lambda: False)
    assert "CPU only: pip install 'east-text-detector[tensorrt]'" in str(gpu.missing_for_tensorrt())


@pytest.mark.parametrize(
    ("linked", "enabled", "loaded", "told"),
    [
        ((0, 0, 0), False, (), "has no TensorRT in it"),
        ((8, 6, 1), False, (), "libraries are missing: pip install tensorrt==8.6.1"),
        ((8, 6, 1), True, (8, 5, 3), "TensorRT 8.5.3 is here, TensorFlow needs 8.6.1 or a later 8"),
        ((8, 6, 1), True, (10, 0, 1), "TensorRT 10.0.1 is here"),
    ],
)
def test_tensorrt_missing_or_wrong(
    linked: tuple[int, ...],
    enabled: bool,
    loaded: tuple[int, ...],
    told: str,
    gpu_in_tensorflow: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tensorrt(monkeypatch, linked, enabled, loaded)
    assert told in str(gpu.missing_for_tensorrt())


@pytest.mark.parametrize("loaded", [(8, 6, 1), (8, 6, 2)])
def test_nothing_missing_for_tensorrt(
    loaded: tuple[int, ...], gpu_in_tensorflow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensorrt(monkeypatch, (8, 6, 1), True, loaded)
    assert gpu.missing_for_tensorrt() is None


def test_asking_is_cheap_where_there_is_no_gpu() -> None:
    script = """
import ctypes, sys
def missing(name): raise OSError(name)
ctypes.CDLL = missing
from east.runtimes import availability
assert not availability("xla").precisions and not availability("tftrt").precisions
print("tensorflow" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
