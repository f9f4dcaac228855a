from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from east.errors import RuntimeUnavailableError
from east.runtimes.gpu.staging import Staging


class FakeDriver:
    """libcuda's memory functions on ordinary memory, counting what is locked."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.blocks: dict[int, Any] = {}

    def cuMemHostAlloc(self, pointer: Any, size: ctypes.c_size_t, flags: int) -> int:  # noqa: N802
        block = ctypes.create_string_buffer(size.value)
        pointer._obj.value = ctypes.addressof(block)
        self.blocks[pointer._obj.value] = block
        return self.status

    def cuMemFreeHost(self, pointer: ctypes.c_void_p) -> int:  # noqa: N802
        self.blocks.pop(pointer.value or 0)
        return 0

    def __getattr__(self, name: str) -> Any:
        return lambda *_: 0


@pytest.mark.parametrize("page_locked", [False, True])
def test_arrays_are_the_callers_until_given_back(page_locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: FakeDriver())
    staging = Staging(page_locked=page_locked)
    first, second = staging.take((2, 32, 64, 3)), staging.take((2, 32, 64, 3))
    assert first.shape == second.shape == (2, 32, 64, 3)
    first[:], second[:] = 1, 2
    assert (first == 1).all()
    staging.give_back(first)
    assert staging.take((1, 32, 64, 3)).shape == (1, 32, 64, 3)
    assert staging.take((2, 32, 64, 3)) is first
    assert np.shares_memory(first, first.reshape(-1))


def test_closing_frees_all_page_locked_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = FakeDriver()
    monkeypatch.setattr(ctypes, "CDLL", lambda _: driver)
    staging = Staging(page_locked=True)
    staging.give_back(staging.take((1, 32, 32, 3)))
    staging.take((2, 32, 32, 3))
    assert len(driver.blocks) == 2
    staging.close()
    assert not driver.blocks


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: FakeDriver(status=2))
    with pytest.raises(RuntimeUnavailableError, match=r"page-locked memory \(CUDA error 2\)"):
        Staging(page_locked=True).take((1, 32, 32, 3))
