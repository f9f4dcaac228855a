from __future__ import annotations

import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from east.errors import RuntimeUnavailableError
from east.options import DetectorOptions, TensorRtOptions
from east.runtimes import tensorrt
from east.runtimes.conversion import tensorrt_bindings
from east.runtimes.conversion.tensorrt_engine import Profile
from east.runtimes.gpu import tensorrt_provider
from east.runtimes.gpu.nvidia import Gpu
from east.runtimes.gpu.tensorrt_rtx import unsupported
from east.types import Precision


def gpu(capability: tuple[int, int]) -> Gpu:
    return Gpu(0, "NVIDIA Something", capability, "0000:01:00.0")


@pytest.mark.parametrize("capability", [(8, 6), (8, 9), (12, 0), (12, 1), (13, 0)])
def test_gpus_that_it_runs_on(capability: tuple[int, int]) -> None:
    assert unsupported(gpu(capability), (580, 65)) is None
    assert unsupported(gpu(capability), ()) is None


@pytest.mark.parametrize(
    ("capability", "driver", "told"),
    [
        (
            (9, 0),
            (580, 65),
            r"does not run on compute capability 9\.0 \(NVIDIA Something\), only on 8\.6",
        ),
        ((7, 0), (580, 65), r"does not run on compute capability 7\.0"),
        ((8, 9), (550, 54, 14), r"driver 550\.54\.14 is too old .*: install 555\.85 or later"),
        ((12, 0), (565, 90), r"driver 565\.90 is too old .*: install 570\.00 or later"),
    ],
)
def test_gpus_and_drivers_that_it_does_not_run_on(
    capability: tuple[int, int], driver: tuple[int, ...], told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        raise AssertionError(unsupported(gpu(capability), driver))


def test_another_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert "on x86-64, not for linux on aarch64" in str(tensorrt_bindings.missing_libraries())


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorrt_bindings, "find_spec", lambda name: None if "rtx" in name else importlib.util)
    told = str(tensorrt_bindings.missing_libraries())
    assert told.startswith(
        "TensorRT for RTX is not installed (onnxruntime_ep_nv_tensorrt_rtx, tensorrt_rtx_bindings): "
    )
    assert told.endswith("pip install 'east-text-detector[tensorrt-rtx]'")
    tensorrt_bindings.bindings.cache_clear()
    with pytest.raises(RuntimeUnavailableError, match="is not installed"):
        tensorrt_bindings.bindings()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (gpu((9, 0)), "does not run on compute capability 9.0 (NVIDIA Something), only on 8.6, 8.9, 12.0 and later; "),
        ("the NVIDIA driver shows no GPU", "the NVIDIA driver shows no GPU"),
    ],
)
def test_availability_says_why_not(found: Gpu | str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ONNX Runtime as it is here, which has no TensorRT provider."""
    monkeypatch.setattr(tensorrt, "find_gpu", lambda device: found)
    here = tensorrt.availability()
    assert told in here.missing
    assert not here.precisions
    if isinstance(found, Gpu):
        assert here.missing.endswith("no TensorRT provider: pip install onnxruntime-gpu tensorrt-cu12")
        monkeypatch.setattr(tensorrt, "find_gpu", lambda device: gpu((8, 9)))
        assert tensorrt.availability().precisions == tuple(Precision)


def test_the_bindings_need_no_path_for_the_loader() -> None:
    script = "from east.runtimes.conversion.tensorrt_bindings import bindings; print(bindings().__version__)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(Path.cwd())}
    )
    assert done.stdout.strip().startswith(tensorrt_bindings.library_version().rsplit(".", 1)[0])


def test_what_the_provider_is_told(tmp_path: Path) -> None:
    chosen = TensorRtOptions(max_workspace_size=1 << 30, builder_optimization_level=5, cuda_graph_enable=True)
    options = DetectorOptions(precision=Precision.INT8, tensorrt=chosen)
    profile = Profile((1, 32, 32, 3), (1, 672, 1280, 3), (8, 2432, 2432, 3))
    told = tensorrt_provider.provider_options(options, gpu((9, 0))._replace(number=1), "images", profile, tmp_path)
    assert told == {
        "device_id": "1",
        "trt_fp16_enable": "True",
        "trt_int8_enable": "True",
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": str(tmp_path),
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": str(tmp_path),
        "trt_builder_optimization_level": "5",
        "trt_cuda_graph_enable": "True",
        "trt_profile_min_shapes": "images:1x32x32x3",
        "trt_profile_opt_shapes": "images:1x672x1280x3",
        "trt_profile_max_shapes": "images:8x2432x2432x3",
        "trt_max_workspace_size": str(1 << 30),
    }


def test_a_plugin_that_cannot_be_loaded_is_one_line() -> None:
    if tensorrt.availability().precisions:
        pytest.skip("there is a GPU for TensorRT here")
    script = """
from east.errors import RuntimeUnavailableError
from east.runtimes.gpu.nvidia import Gpu
from east.runtimes.gpu.tensorrt_rtx import plugin_device
try:
    plugin_device(Gpu(0, "NVIDIA L4", (8, 9), "0000:01:00.0"))
except RuntimeUnavailableError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    [line] = done.stdout.splitlines()
    assert "libcuda.so.1" in line
