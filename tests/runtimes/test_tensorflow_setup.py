from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from east.errors import RuntimeUnavailableError
from east.frameworks import tensorflow
from east.options import DetectorOptions
from east.runtimes import tensorflow_setup
from east.runtimes.tensorflow_setup import configure_tensorflow
from tests.support.small_network import write_small

MEMORY_MB = (80_000, 40_000)
NAMES = ("NVIDIA H100", "NVIDIA L4")


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """TensorFlow's own record of devices and settings, of a process that has not started it, with two GPUs in it."""
    from tensorflow.python.eager import context

    tensorflow()
    fresh = context.Context()
    fresh._physical_devices = [context.PhysicalDevice(f"/physical_device:GPU:{n}", "GPU") for n in range(2)]
    fresh._visible_device_list = list(fresh._physical_devices)
    fresh._pluggable_devices = []
    fresh._memory_growth_map = dict.fromkeys(fresh._physical_devices)
    monkeypatch.setattr(context, "_context", fresh)
    monkeypatch.setattr(tensorflow_setup, "_memory_mb", lambda gpu: MEMORY_MB[int(gpu.name[-1])])
    monkeypatch.setattr(
        tensorflow().config.experimental,
        "get_device_details",
        lambda gpu: {"device_name": NAMES[int(gpu.name[-1])], "compute_capability": (9, 0)},
    )
    return fresh


def test_memory_is_taken_as_needed_on_every_gpu(two_gpus: Any) -> None:
    configure_tensorflow(DetectorOptions(precision="FP32"))
    assert two_gpus._compute_gpu_options().allow_growth  # which TensorFlow refuses to do for one of several


def test_every_gpu_has_its_own_limit(two_gpus: Any) -> None:
    for fraction in (0.25, 0.25, None):
        configure_tensorflow(DetectorOptions(gpu_memory_fraction=fraction, precision="FP32"))
    devices = two_gpus._compute_gpu_options().experimental.virtual_devices
    assert [list(device.memory_limit_mb) for device in devices] == [[20_000], [10_000]]


def test_a_process_that_has_started_tensorflow_on_its_own_terms(two_gpus: Any) -> None:
    two_gpus._context_handle = object()
    assert configure_tensorflow(DetectorOptions(precision="FP32")).gpu == 0
    with pytest.raises(RuntimeUnavailableError, match="another share of the GPU's memory"):
        configure_tensorflow(DetectorOptions(gpu_memory_fraction=0.5, precision="FP32"))


@pytest.mark.parametrize(
    ("device", "name", "gpu", "place"),
    [
        ("auto", "NVIDIA H100", 0, ""),
        ("gpu", "NVIDIA H100", 0, ""),
        ("gpu:0", "NVIDIA H100", 0, ""),
        ("gpu:1", "NVIDIA L4", 1, "/GPU:1"),
        ("cpu", "CPU", None, "/CPU:0"),
    ],
)
def test_the_device_asked_for(device: str, name: str, gpu: int | None, place: str, two_gpus: Any) -> None:
    found = configure_tensorflow(DetectorOptions(device=device, tf32=True, precision="FP32"))
    assert (found.name, found.gpu, found.place) == (name, gpu, place)
    assert found.arithmetic(DetectorOptions(tf32=True, precision="FP32")) == ("f32" if gpu is None else "tf32")


def test_a_gpu_that_the_process_hides_from_tensorflow_does_not_count(two_gpus: Any) -> None:
    two_gpus._visible_device_list = two_gpus._physical_devices[1:]
    found = configure_tensorflow(DetectorOptions(device="gpu:0", precision="FP32"))
    assert (found.name, found.gpu, found.place) == ("NVIDIA L4", 1, "")


@pytest.mark.parametrize("device", ["gpu:2", "gpu:17"])
def test_a_gpu_out_of_range_is_refused(device: str, two_gpus: Any) -> None:
    with pytest.raises(RuntimeUnavailableError, match=f"no {device} here: GPUs that TensorFlow sees: 2"):
        configure_tensorflow(DetectorOptions(device=device, precision="FP32"))


def test_what_runs_is_placed_on_the_device(tmp_path: Path) -> None:
    """With two devices made of one CPU, in a process of its own: TensorFlow must not have started."""
    write_small(tmp_path / "small.pb")
    script = """
import sys
import numpy as np
from east.frameworks import tensorflow
from east.model.source import ModelSource
from east.options import DetectorOptions
from east.runtimes import tensorflow as plain, tensorflow_setup, xla
from east.runtimes.gpu import runtime as compiled

tf = tensorflow()
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(2)])
for module in (plain, compiled):
    module.configure_tensorflow = lambda options: tensorflow_setup.Device(place="/CPU:1")

source, images = ModelSource.find(sys.argv[1]), np.zeros((1, 32, 32, 3), np.uint8)
runtime = plain.load(source, DetectorOptions(precision="FP32"))
run, places = runtime._run, []
def spy(images):
    score, geometry = run(images)
    places.extend(tensor.device[-5:] for tensor in (images, score, geometry))
    return score, geometry
runtime._run = spy
runtime.infer(images)
runtime = xla.load(source, DetectorOptions(input_size=(32, 32), precision="FP32"))
finish = runtime._finish
runtime._finish = lambda one: places.extend(t.device[-5:] for t in one[:2]) or finish(one)
runtime.candidates(images, 0.5)
print(*places)
"""
    command = [sys.executable, "-c", script, str(tmp_path / "small.pb")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["CPU:1"] * 5
