"""Page-locked arrays from which images are copied to a GPU.

A GPU fetches from page-locked memory by itself, many times faster than the driver copies from ordinary memory, and
meanwhile the caller is free.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from ...errors import RuntimeUnavailableError
from ...types import FILL

MOST_IDLE = 16  # arrays that a pool keeps while nobody uses them: those of four calls at four batch sizes

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
    """Arrays of uint8 to use again: page-locked for a GPU, by the driver's number of it, and ordinary ones for None.

    An array's memory is freed when nobody refers to it: neither a call, nor the pool, which forgets the one that was
    used least recently when it has `MOST_IDLE`, nor TensorFlow, which copies from it.
    """

    def __init__(self, gpu: int | None) -> None:
        self._gpu = gpu
        self._idle: deque[NDArray[np.uint8]] = deque(maxlen=MOST_IDLE)
        self._lock = Lock()

    def take(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array of that shape, with anything in it, for the caller alone until it is given back."""
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].shape == shape:
                    array = self._idle[index]
                    del self._idle[index]
                    return array
        return np.empty(shape, np.uint8) if self._gpu is None else _page_locked(shape, self._gpu)

    def give_back(self, array: NDArray[np.uint8]) -> None:
        """Lets others have the array; nothing may be reading it any more."""
        with self._lock:
            self._idle.append(array)

    def close(self) -> None:
        """Keeps nothing from now on."""
        with self._lock:
            self._idle = deque(maxlen=0)


def _page_locked(shape: tuple[int, ...], gpu: int) -> NDArray[np.uint8]:
    cuda = ctypes.CDLL("libcuda.so.1")
    size = int(np.prod(shape))
    pointer = ctypes.c_void_p()
    _in_context(cuda, gpu, cuda.cuMemHostAlloc, ctypes.byref(pointer), ctypes.c_size_t(size), _PORTABLE)
    assert pointer.value is not None  # noqa: S101
    memory = (ctypes.c_uint8 * size).from_address(pointer.value)
    finalize(memory, _in_context, cuda, gpu, cuda.cuMemFreeHost, pointer).atexit = False
    return np.frombuffer(memoryview(memory), np.uint8).reshape(shape)


def _in_context(cuda: Any, gpu: int, function: Any, *arguments: Any) -> None:
    """Calls the driver in a GPU's primary context, which is TensorFlow's too."""
    context = ctypes.c_void_p()
    status = cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), gpu)
    status = status or cuda.cuCtxPushCurrent_v2(context)
    if not status:
        status = function(*arguments)
        cuda.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
        cuda.cuDevicePrimaryCtxRelease_v2(gpu)
    if status:
        raise RuntimeUnavailableError(f"the GPU's driver refuses page-locked memory (CUDA error {status})")
