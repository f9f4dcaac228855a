"""Page-locked arrays from which images are copied to a GPU.

A GPU fetches from page-locked memory by itself, many times faster than the driver copies from ordinary memory, and
meanwhile the caller is free.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import RuntimeUnavailableError
from ...types import FILL

MOST_IDLE = 16
"""Arrays that a pool keeps while nobody uses them: those of four calls at once at four batch sizes."""

_PORTABLE = 1  # page-locked for every context of the process
_FILL = np.array(FILL, np.uint8)


def fill(buffer: NDArray[np.uint8], images: Iterable[NDArray[np.uint8]]) -> None:
    """Copies images (H, W, 3) of one size to the top-left corners of the first places in a buffer (N, H', W', 3)."""
    for place, image in zip(buffer, images, strict=False):
        height, width, _ = image.shape
        place[:height, :width] = image
        place[height:] = _FILL
        place[:height, width:] = _FILL


class BufferPool:
    """Arrays of uint8 to use again, ordinary ones without a GPU. Of those in nobody's use the last few are kept."""

    def __init__(self, gpu: int | None) -> None:
        """Makes an empty pool.

        Args:
            gpu: the CUDA driver's number of the GPU that reads the arrays; None when there is none.
        """
        self._gpu = gpu
        self._cuda = None if gpu is None else ctypes.CDLL("libcuda.so.1")
        self._lock = Lock()
        self._idle: list[NDArray[np.uint8]] = []  # the one that was used last at the end
        self._most_idle = MOST_IDLE

    def take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array of that shape, with anything in it, for the caller alone until it is given back."""
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].shape == shape:
                    return self._idle.pop(index)
        return np.empty(shape, np.uint8) if self._cuda is None else self._allocate(shape)

    def give_back(self, array: NDArray[np.uint8]) -> None:
        """Lets others have the array; nothing may be reading it any more."""
        self._keep(array)

    def close(self) -> None:
        """Frees the memory; that of arrays in use when they are given back."""
        self._most_idle = 0
        self._keep()

    def _keep(self, *arrays: NDArray[np.uint8]) -> None:
        """Adds to the idle arrays, and frees those beyond the bound that nobody used for longest."""
        with self._lock:
            self._idle += arrays
            surplus = self._idle[: max(0, len(self._idle) - self._most_idle)]
            del self._idle[: len(surplus)]
        for array in surplus:
            if self._cuda is not None:
                self._in_context(self._cuda.cuMemFreeHost, ctypes.c_void_p(array.ctypes.data))

    def _allocate(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        assert self._cuda is not None  # noqa: S101
        size = int(np.prod(shape))
        pointer = ctypes.c_void_p()
        self._in_context(self._cuda.cuMemHostAlloc, ctypes.byref(pointer), ctypes.c_size_t(size), _PORTABLE)
        assert pointer.value is not None  # noqa: S101
        memory = memoryview((ctypes.c_uint8 * size).from_address(pointer.value))
        return np.frombuffer(memory, np.uint8).reshape(shape)

    def _in_context(self, function: Any, *arguments: Any) -> None:
        """Calls the driver in the GPU's primary context, which is TensorFlow's too."""
        cuda = self._cuda
        assert cuda is not None  # noqa: S101
        context = ctypes.c_void_p()
        status = cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), self._gpu)
        status = status or cuda.cuCtxPushCurrent_v2(context)
        if not status:
            status = function(*arguments)
            cuda.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
            cuda.cuDevicePrimaryCtxRelease_v2(self._gpu)
        if status:
            raise RuntimeUnavailableError(f"the GPU's driver refuses page-locked memory (CUDA error {status})")
