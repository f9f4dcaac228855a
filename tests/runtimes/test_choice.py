from __future__ import annotations

from types import SimpleNamespace

import pytest

from east.errors import RuntimeUnavailableError, UnsupportedPrecisionError
from east.frameworks import tensorflow
from east.options import DetectorOptions
from east.runtimes import choice
from east.runtimes.base import Availability
from east.runtimes.gpu import requirements
from east.types import Precision


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Availability]:
    """A GPU machine without TensorRT; change it as you like."""
    here = {
        "tensorrt": Availability((), "TensorRT's libraries are missing"),
        "tftrt": Availability((), "TensorRT's libraries are missing"),
        "xla": Availability((Precision.FP32, Precision.FP16), "XLA has no INT8"),
        "openvino": Availability(tuple(Precision)),
        "onnx": Availability((), "ONNX Runtime is not installed"),
        "tensorflow": Availability((Precision.FP32,)),
    }
    devices = {"openvino": ("cpu",), "onnx": ("cpu", "gpu"), "tensorflow": ("cpu", "gpu")}

    def module(name: str) -> SimpleNamespace:
        return SimpleNamespace(DEVICES=devices.get(name, ("gpu",)), availability=lambda device: here[name])

    monkeypatch.setattr(choice, "_module", module)
    return here


def test_auto_takes_the_fastest_and_says_why_not_the_others(machine: dict[str, Availability]) -> None:
    chosen = choice.choose(DetectorOptions(precision=Precision.FP16))
    assert chosen.name == "xla"
    missing = "TensorRT's libraries are missing"
    assert str(chosen) == f"xla is the fastest that works here; not tensorrt: {missing}; not tftrt: {missing}"
    assert choice.choose(DetectorOptions(precision=Precision.INT8)).name == "openvino"


def test_no_runtime_for_a_precision(machine: dict[str, Availability]) -> None:
    machine["openvino"] = Availability((Precision.FP32,))
    with pytest.raises(
        UnsupportedPrecisionError, match=r"no runtime can do INT8 here: not tensorrt: .*; not tensorflow"
    ):
        choice.choose(DetectorOptions(precision=Precision.INT8))


def test_a_named_runtime_is_never_replaced(machine: dict[str, Availability]) -> None:
    with pytest.raises(RuntimeUnavailableError, match="'tftrt' cannot run here: TensorRT's libraries are missing"):
        choice.resolve(DetectorOptions(runtime="tftrt", precision=Precision.FP32))
    with pytest.raises(
        UnsupportedPrecisionError, match=r"'xla' cannot do INT8 here; it can do FP32, FP16; .*: openvino"
    ):
        choice.resolve(DetectorOptions(runtime="xla", precision=Precision.INT8))


def test_a_runtime_that_does_not_run_on_the_device_is_passed_over(machine: dict[str, Availability]) -> None:
    assert choice.choose(DetectorOptions(device="cpu")).name == "openvino"
    chosen = choice.choose(DetectorOptions(device="gpu:1"))
    assert (chosen.name, len(chosen.passed_over)) == ("xla", 2)
    with pytest.raises(RuntimeUnavailableError, match="'xla' cannot run here: it does not run on cpu"):
        choice.resolve(DetectorOptions(runtime="xla", device="cpu"))
    with pytest.raises(UnsupportedPrecisionError, match=r"no runtime can do INT8 on gpu here: .*openvino: it does not"):
        choice.resolve(DetectorOptions(precision=Precision.INT8, device="gpu"))
    machine["xla"] = Availability((Precision.FP32,))
    with pytest.raises(UnsupportedPrecisionError, match=r"FP16: none$"):
        choice.resolve(DetectorOptions(runtime="xla", precision=Precision.FP16, device="gpu"))


def test_a_runtime_on_the_gpu_comes_before_the_processors_fastest(
    machine: dict[str, Availability], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine["xla"] = Availability((), "TensorFlow is not installed")
    machine["onnx"] = Availability((Precision.FP32, Precision.FP16))
    assert choice.choose(DetectorOptions(precision=Precision.FP32)).name == "openvino"
    monkeypatch.setattr(choice, "missing_driver", lambda: None)
    chosen = choice.choose(DetectorOptions(precision=Precision.FP32))
    assert (chosen.name, chosen.passed_over[-1]) == ("onnx", "not openvino: it does not run on the GPU")
    assert choice.choose(DetectorOptions(precision=Precision.INT8)).name == "openvino"
    assert choice.choose(DetectorOptions(precision=Precision.FP32, device="cpu")).name == "openvino"


@pytest.mark.parametrize("runtime", ["auto", "tensorflow", "xla", "tftrt"])
def test_a_gpu_out_of_range_is_refused_with_how_many_there_are(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tf = tensorflow()
    monkeypatch.setattr(requirements, "missing_driver", lambda: None)
    monkeypatch.setattr(tf.test, "is_built_with_cuda", lambda: True)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["GPU:0", "GPU:1"])
    with pytest.raises(RuntimeUnavailableError, match="no gpu:2 here: GPUs that TensorFlow sees: 2"):
        choice.resolve(DetectorOptions(runtime=runtime, device="gpu:2"))


@pytest.mark.parametrize("runtime", ["auto", "tensorflow"])
def test_without_a_gpu_nothing_runs_on_one(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "missing_driver", lambda: "no NVIDIA GPU here")
    with pytest.raises(RuntimeUnavailableError, match="no NVIDIA GPU here"):
        choice.resolve(DetectorOptions(runtime=runtime, device="gpu"))


def test_an_unknown_runtime_gets_a_hint() -> None:
    with pytest.raises(ValueError, match=r"runtime must be one of .*, got 'openvno'; did you mean 'openvino'"):
        choice.resolve(DetectorOptions(runtime="openvno", precision=Precision.FP32))
    with pytest.raises(ValueError, match="one of auto, tensorrt, tftrt, xla, openvino, onnx, tensorflow, got 'cuda'"):
        choice.resolve(DetectorOptions(runtime="cuda", precision=Precision.FP32))
