"""A stand-in for libcuda's memory functions."""

from __future__ import annotations

import ctypes
from typing import Any


class FakeDriver:
    """Allocates ordinary memory, and counts what is locked and which GPU's context is asked for."""

    def __init__(self, status: int = 0) -> None:
        self.status = status
        self.blocks: dict[int, Any] = {}
        self.retained: list[int] = []
        self.released: list[int] = []

    def cuDevicePrimaryCtxRetain(self, _: Any, gpu: int) -> int:  # noqa: N802
        self.retained.append(gpu)
        return 0

    def cuDevicePrimaryCtxRelease_v2(self, gpu: int) -> int:  # noqa: N802
        self.released.append(gpu)
        return 0

    def cuMemHostAlloc(self, pointer: Any, size: ctypes.c_size_t, flags: int) -> int:  # noqa: N802
        block = ctypes.create_string_buffer(size.value + 64)
        pointer._obj.value = ctypes.addressof(block) + 63 & ~63  # aligned, as TensorFlow likes it
        self.blocks[pointer._obj.value] = block
        return self.status

    def cuMemFreeHost(self, pointer: ctypes.c_void_p) -> int:  # noqa: N802
        self.blocks.pop(pointer.value or 0)
        return 0

    def __getattr__(self, name: str) -> Any:
        return lambda *_: 0
