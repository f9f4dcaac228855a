from __future__ import annotations

import ctypes

import numpy as np
import pytest

from east.errors import RuntimeUnavailableError
from east.runtimes.gpu import buffers
from east.runtimes.gpu.buffers import MOST_IDLE, BufferPool, fill
from east.types import FILL
from tests.runtimes.gpu.driver import FakeDriver


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    made = FakeDriver()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: made)
    return made


def test_images_lie_in_the_corner_of_what_is_filled() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 32, 64, 3), np.uint8)
    buffer = rng.integers(0, 256, (4, 64, 96, 3), np.uint8)
    fill(buffer, images)
    np.testing.assert_array_equal(buffer[:2, :32, :64], images)
    assert (buffer[:2, 32:] == FILL).all()
    assert (buffer[:2, :, 64:] == FILL).all()


@pytest.mark.parametrize("gpu", [None, 0])
def test_arrays_are_the_callers_until_given_back(gpu: int | None, driver: FakeDriver) -> None:
    pool = BufferPool(gpu)
    first, second = pool.take((2, 32, 64, 3)), pool.take((2, 32, 64, 3))
    assert first.shape == second.shape == (2, 32, 64, 3)
    first[:], second[:] = 1, 2
    assert (first == 1).all()
    pool.give_back(first)
    assert pool.take((1, 32, 64, 3)).shape == (1, 32, 64, 3)
    assert pool.take((2, 32, 64, 3)) is first
    assert np.shares_memory(first, first.reshape(-1))


def test_closing_frees_all_page_locked_memory_once_nobody_uses_it(driver: FakeDriver) -> None:
    pool = BufferPool(0)
    pool.give_back(pool.take((1, 32, 32, 3)))
    in_use = pool.take((2, 32, 32, 3))
    assert len(driver.blocks) == 2
    pool.close()
    assert list(driver.blocks) == [in_use.ctypes.data]
    pool.give_back(in_use)
    in_use[:] = 1
    assert len(driver.blocks) == 1
    del in_use
    assert not driver.blocks


def test_the_arrays_that_nobody_used_for_longest_go(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "MOST_IDLE", 2)
    pool = BufferPool(0)
    taken = [pool.take((1, 32, 32 * n, 3)) for n in range(1, 5)]
    assert len(driver.blocks) == 4  # those in use do not count
    places = [array.ctypes.data for array in taken]
    while taken:
        pool.give_back(taken.pop(0))
    assert list(driver.blocks) == places[2:]
    pool.give_back(pool.take((1, 32, 96, 3)))
    pool.give_back(pool.take((1, 32, 32, 3)))
    assert len(driver.blocks) == 2
    assert places[2] in driver.blocks
    assert places[3] not in driver.blocks


def test_a_pool_never_keeps_more_than_its_bound(driver: FakeDriver) -> None:
    pool = BufferPool(0)
    for n in range(3 * MOST_IDLE):
        pool.give_back(pool.take((1, 32, 32 * (n + 1), 3)))
    assert len(driver.blocks) == MOST_IDLE


def test_memory_is_locked_in_the_context_of_its_gpu(driver: FakeDriver) -> None:
    BufferPool(1).take((1, 32, 32, 3))
    assert driver.retained == driver.released == [1, 1]


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: FakeDriver(status=2))
    with pytest.raises(RuntimeUnavailableError, match=r"page-locked memory \(CUDA error 2\)"):
        BufferPool(0).take((1, 32, 32, 3))
