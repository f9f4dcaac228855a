from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import ConversionError
from east.frameworks import onnxruntime
from east.runtimes.conversion.ort_session import RECORD, Device, DeviceSession, assignment
from tests.support.onnx_models import small_network

CPU = "CPUExecutionProvider"


@pytest.fixture(scope="module")
def session() -> Any:
    ort = onnxruntime()
    told = ort.SessionOptions()
    told.add_session_config_entry(*RECORD)
    return ort.InferenceSession(small_network().SerializeToString(), told, providers=[CPU])


def outputs_of(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    return {"y": (shape[0], 4, shape[1] - 4, shape[2] - 4)}


def pictures(*shapes: tuple[int, ...]) -> list[NDArray[np.uint8]]:
    rng = np.random.default_rng(5)
    return [rng.integers(0, 8, shape, np.uint8) for shape in shapes]


def test_calls_of_several_threads_do_not_mix(session: Any) -> None:
    bound = DeviceSession(session, outputs_of, Device())
    images = pictures(*((1 + number % 2, 32, 32 + number % 3, 3) for number in range(48)))

    def run(some: NDArray[np.uint8]) -> NDArray[np.float32]:
        with bound.run(("images", some)) as fetch:
            return fetch("y")

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(run, images))
    for some, one in zip(images, found, strict=True):
        np.testing.assert_array_equal(one, session.run(None, {"images": some})[0])
    bound.close()


def test_an_error_leaves_the_session_usable(session: Any) -> None:
    bound = DeviceSession(session, outputs_of, Device())
    [image] = pictures((1, 32, 32, 3))
    with pytest.raises(ZeroDivisionError), bound.run(("images", image)):
        _ = 1 / 0
    with bound.run(("images", image)) as fetch:
        assert fetch("y").shape == (1, 4, 28, 28)


def test_what_a_provider_runs_is_counted(session: Any) -> None:
    report = assignment(session, CPU, {"Conv2D": 2})
    assert (report.before, report.converted, report.after) == ({"Conv2D": 2}, 1.0, {CPU: report.engines})


def test_convolutions_that_are_left_to_another_are_refused(session: Any) -> None:
    with pytest.raises(ConversionError) as error:
        assignment(session, "TensorrtExecutionProvider", {"Conv2D": 2})
    assert str(error.value) == (
        "TensorrtExecutionProvider left 2 of 2 convolutions to CPUExecutionProvider (0 engines, 0% of the operations)"
    )
