"""Arrays from which images are copied to a GPU.

They are page-locked: a GPU fetches from such memory by itself, many times faster than the driver copies from
ordinary memory, and meanwhile the caller is free.
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RuntimeUnavailableError

_PORTABLE = 1  # page-locked for every context of the process


class Staging:
    """A pool of uint8 arrays by shape; ordinary ones without a GPU."""

    def __init__(self, *, page_locked: bool) -> None:
        self._cuda = ctypes.CDLL("libcuda.so.1") if page_locked else None
        self._idle: defaultdict[tuple[int, ...], SimpleQueue[NDArray[np.uint8]]] = defaultdict(SimpleQueue)
        self._locked: list[ctypes.c_void_p] = []

    def take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array of that shape, with anything in it, for the caller alone until it is given back."""
        try:
            return self._idle[shape].get_nowait()
        except Empty:
            return np.empty(shape, np.uint8) if self._cuda is None else self._lock(shape)

    def give_back(self, array: NDArray[np.uint8]) -> None:
        """Lets others have the array; nothing may be reading it any more."""
        self._idle[array.shape].put(array)

    def close(self) -> None:
        """Frees the memory; no array may be in use."""
        self._idle.clear()
        while self._locked and self._cuda is not None:
            self._in_context(self._cuda.cuMemFreeHost, self._locked.pop())

    def _lock(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        assert self._cuda is not None  # noqa: S101
        size = int(np.prod(shape))
        pointer = ctypes.c_void_p()
        self._in_context(self._cuda.cuMemHostAlloc, ctypes.byref(pointer), ctypes.c_size_t(size), _PORTABLE)
        self._locked.append(pointer)
        assert pointer.value is not None  # noqa: S101
        memory = memoryview((ctypes.c_uint8 * size).from_address(pointer.value))
        return np.frombuffer(memory, np.uint8).reshape(shape)

    def _in_context(self, function: Any, *arguments: Any) -> None:
        """Calls the driver in the first GPU's primary context, which is TensorFlow's too."""
        cuda = self._cuda
        assert cuda is not None  # noqa: S101
        context = ctypes.c_void_p()
        status = cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
        status = status or cuda.cuCtxPushCurrent_v2(context)
        if not status:
            status = function(*arguments)
            cuda.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
            cuda.cuDevicePrimaryCtxRelease_v2(0)
        if status:
            raise RuntimeUnavailableError(f"the GPU's driver refuses page-locked memory (CUDA error {status})")
