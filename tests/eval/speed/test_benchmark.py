"""The processes that measure."""

from __future__ import annotations

import pytest

from east.errors import EastError
from east.types import Precision, Size
from eval.speed import benchmark
from eval.speed.benchmark import Case, Workload

CASE = Case("openvino", Precision.FP32)


def test_a_process_that_has_died_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "_START", "print('{}')")
    with benchmark._worker(CASE, Workload("default", Size(64, 96), ())) as worker:
        worker.process.wait()
        with pytest.raises(EastError, match="openvino FP32 failed while it was measured"):
            worker.ask(do="memory")


@pytest.mark.parametrize(("case", "name"), [(CASE, "openvino FP32"), (Case("xla", Precision.FP32, True), "xla TF32")])
def test_names(case: Case, name: str) -> None:
    assert case.name == name
