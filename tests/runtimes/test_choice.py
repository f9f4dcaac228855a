from __future__ import annotations

import pytest

from east.errors import RuntimeUnavailableError, UnsupportedPrecisionError
from east.options import DetectorOptions
from east.runtimes import choice
from east.runtimes.base import Availability
from east.types import Precision


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Availability]:
    """A GPU machine without TensorRT; change it as you like."""
    here = {
        "tftrt": Availability((), "TensorRT's libraries are missing"),
        "xla": Availability((Precision.FP32, Precision.FP16), "XLA has no INT8"),
        "openvino": Availability(tuple(Precision)),
        "tensorflow": Availability((Precision.FP32,)),
    }
    monkeypatch.setattr(choice, "availability", here.__getitem__)
    return here


def test_auto_takes_the_fastest_and_says_why_not_the_others(machine: dict[str, Availability]) -> None:
    chosen = choice.choose(DetectorOptions(precision=Precision.FP16))
    assert chosen.name == "xla"
    assert str(chosen) == "xla is the fastest that works here; not tftrt: TensorRT's libraries are missing"
    assert choice.choose(DetectorOptions(precision=Precision.INT8)).name == "openvino"


def test_no_runtime_for_a_precision(machine: dict[str, Availability]) -> None:
    machine["openvino"] = Availability((Precision.FP32,))
    with pytest.raises(UnsupportedPrecisionError, match=r"no runtime can do INT8 here: not tftrt: .*; not tensorflow"):
        choice.choose(DetectorOptions(precision=Precision.INT8))


def test_a_named_runtime_is_never_replaced(machine: dict[str, Availability]) -> None:
    with pytest.raises(RuntimeUnavailableError, match="'tftrt' cannot run here: TensorRT's libraries are missing"):
        choice.resolve(DetectorOptions(runtime="tftrt", precision=Precision.FP32))
    with pytest.raises(
        UnsupportedPrecisionError, match=r"'xla' cannot do INT8 here; it can do FP32, FP16; .*: openvino"
    ):
        choice.resolve(DetectorOptions(runtime="xla", precision=Precision.INT8))


def test_an_unknown_runtime_gets_a_hint() -> None:
    with pytest.raises(ValueError, match=r"runtime must be one of .*, got 'openvno'; did you mean 'openvino'"):
        choice.resolve(DetectorOptions(runtime="openvno", precision=Precision.FP32))
    with pytest.raises(ValueError, match="one of auto, tftrt, xla, openvino, tensorflow, got 'cuda'"):
        choice.resolve(DetectorOptions(runtime="cuda", precision=Precision.FP32))
