"""The processes that measure."""

from __future__ import annotations

import pytest

from east.errors import EastError
from east.options import DetectorOptions
from eval.speed import benchmark
from eval.speed.benchmark import Workload, name_of

CASE = DetectorOptions(runtime="openvino", precision="FP32")


def test_a_process_that_has_died_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "_START", "print('{}')")
    with benchmark._worker(CASE, Workload(())) as worker:
        worker.process.wait()
        with pytest.raises(EastError, match="openvino FP32 failed while it was measured"):
            worker.ask(do="memory")


@pytest.mark.parametrize(
    ("case", "name"),
    [
        (CASE, "openvino FP32"),
        (DetectorOptions(runtime="xla", precision="FP16"), "xla FP16"),
        (DetectorOptions(runtime="tensorflow", precision="FP32", tf32=True), "tensorflow TF32"),
    ],
)
def test_names(case: DetectorOptions, name: str) -> None:
    assert name_of(case) == name
