"""What runtimes on a GPU share, with a network of two operations, on the CPU; page-locked memory is a stand-in's."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import Any
from weakref import ref

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import RuntimeUnavailableError
from east.frameworks import tensorflow
from east.options import DetectorOptions
from east.postprocess import select_candidates
from east.runtimes.conversion.artifacts import Artifact
from east.runtimes.gpu import runtime as gpu_runtime
from east.runtimes.gpu import shapes
from east.runtimes.gpu.runtime import GpuRuntime
from east.runtimes.tensorflow_setup import Device
from east.types import Maps, Size
from tests.runtimes.gpu.driver import FakeDriver

SIZE = Size(32, 64)


def network(images: Any) -> Sequence[Any]:
    """The red of every fourth pixel for a score, and green for the geometry."""
    tf = tensorflow()
    pixels = tf.cast(images[:, ::4, ::4], tf.float32)
    return pixels[..., :1] / 255, tf.tile(pixels[..., 1:2], [1, 1, 1, 5])


def wanted(images: NDArray[np.uint8]) -> Maps:
    pixels = images[:, ::4, ::4].astype(np.float32)
    return Maps(pixels[..., 0] / np.float32(255), np.tile(pixels[..., 1:2], 5))


class StubRuntime(GpuRuntime):
    name = "stub"

    def __init__(self, **arguments: Any) -> None:
        artifact = Artifact(Path(), {}, 0.0, {"model": 7})
        super().__init__(
            artifact, DetectorOptions(precision="FP32"), network, **{"whole": True, "exact": SIZE, **arguments}
        )


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    made = FakeDriver()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: made)
    return made


@pytest.fixture
def runtime(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> StubRuntime:
    """With two images in a batch, on what it takes for the second GPU."""
    device = Device("stub GPU", gpu=1, place="/CPU:0")
    monkeypatch.setattr(gpu_runtime, "configure_tensorflow", lambda options: device)
    return StubRuntime(batches=(1, 2))


@pytest.fixture
def images() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3), np.uint8)


def replace_step(runtime: StubRuntime, step: Callable[..., Any]) -> None:
    """Runs ``step(compiled, images, threshold)`` where the compiled function would run."""
    find = runtime._shapes.find

    def found(*arguments: Any) -> tuple[Any, Any]:
        shape, compiled = find(*arguments)
        return shape, lambda *inputs: step(compiled, *inputs)

    runtime._shapes.find = found  # type: ignore[assignment, method-assign]


def all_idle(runtime: StubRuntime, driver: FakeDriver) -> bool:
    """Whether the pool has all page-locked memory that there is."""
    gc.collect()  # an error has a traceback, and so may refer to itself
    return sorted(array.ctypes.data for array in runtime._buffers._idle) == sorted(driver.blocks)


def test_maps_and_candidates_of_more_images_than_a_batch_holds(
    runtime: StubRuntime, images: NDArray[np.uint8], driver: FakeDriver
) -> None:
    maps = runtime.infer(images)
    np.testing.assert_allclose(maps.score, wanted(images).score, rtol=1e-6)
    np.testing.assert_array_equal(maps.geometry, wanted(images).geometry)
    found = runtime.candidates(list(images), 0.95)
    assert len(found) == 5
    for one, score, geometry in zip(found, *maps, strict=True):
        np.testing.assert_array_equal(one.pixels, select_candidates(score, geometry, 0.95).pixels)
    assert all_idle(runtime, driver)
    assert (runtime.device, runtime.arithmetic, runtime.model_bytes) == ("stub GPU", "f32", 7)
    assert set(driver.retained) == {1}


def test_few_thresholds_are_kept_on_the_device(runtime: StubRuntime, images: NDArray[np.uint8]) -> None:
    score = wanted(images[:1]).score[0]
    for threshold in np.linspace(0.9, 0.999, 40).tolist():
        (found,) = runtime.candidates(images[:1], threshold)
        assert len(found.pixels) == (score > np.float32(threshold)).sum()
    assert runtime._threshold.cache_info().currsize <= 16


@pytest.mark.parametrize("batches_before", [0, 1])
def test_no_buffer_is_lost_when_a_batch_cannot_start(
    batches_before: int, runtime: StubRuntime, images: NDArray[np.uint8], driver: FakeDriver
) -> None:
    calls: list[int] = []

    def fail(compiled: Any, *inputs: Any) -> Any:
        calls.append(1)
        if len(calls) > batches_before:
            raise RuntimeUnavailableError("the GPU is gone")
        return compiled(*inputs)

    replace_step(runtime, fail)
    with pytest.raises(RuntimeUnavailableError, match="the GPU is gone"):
        runtime.infer(images)
    assert all_idle(runtime, driver)


def test_no_buffer_is_lost_when_a_batch_cannot_finish(
    runtime: StubRuntime, images: NDArray[np.uint8], driver: FakeDriver
) -> None:
    class Broken:
        def numpy(self) -> None:
            raise RuntimeUnavailableError("the GPU is gone")

    replace_step(runtime, lambda *_: (Broken(), Broken()))
    with pytest.raises(RuntimeUnavailableError, match="the GPU is gone"):
        runtime.candidates(images, 0.5)
    assert all_idle(runtime, driver)


def test_no_buffer_is_lost_when_nobody_wants_the_rest(
    runtime: StubRuntime, images: NDArray[np.uint8], driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(runtime, "_select", interrupted)
    with pytest.raises(KeyboardInterrupt):
        runtime.candidates(images, 0.5)
    assert all_idle(runtime, driver)


def test_closing_during_a_call_frees_nothing_that_it_uses(
    runtime: StubRuntime, images: NDArray[np.uint8], driver: FakeDriver
) -> None:
    in_use: list[int] = []

    def close_meanwhile(compiled: Any, *inputs: Any) -> Any:
        closing = Thread(target=runtime.close)
        closing.start()
        closing.join()
        in_use.append(len(driver.blocks))
        return compiled(*inputs)

    replace_step(runtime, close_meanwhile)
    np.testing.assert_array_equal(runtime.infer(images[:2]).geometry, wanted(images[:2]).geometry)
    assert in_use == [1]
    assert runtime.infer(images[:2]).score.shape == (2, 8, 16)  # what a detector would not let happen does no harm
    assert not driver.blocks


def test_a_shape_beyond_the_bound_runs_in_one_that_holds_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shapes, "MOST_COMPILED", 2)
    runtime = StubRuntime()
    rng = np.random.default_rng(1)
    with caplog.at_level("INFO"):
        for height, width in ((256, 256), (128, 384), (96, 96), (128, 256), (512, 32), SIZE):
            image = rng.integers(0, 256, (1, height, width, 3), np.uint8)
            maps = runtime.infer(image)
            np.testing.assert_array_equal(maps.geometry, wanted(image).geometry)
    compiled = [record.getMessage().split(" in ")[0].removeprefix("compiled stub for ") for record in caplog.records]
    assert compiled == ["1x256x256", "1x128x384", "1x512x128", "1x32x64"]


def test_a_runtime_that_nobody_holds_is_freed_at_once() -> None:
    runtime = StubRuntime()
    held = ref(runtime)
    del runtime
    assert held() is None
