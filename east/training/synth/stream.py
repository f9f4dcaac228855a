"""An ordered series of scenes, made by several processes, and its use as a changing part of the training set."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory

import cv2
import numpy as np
from numpy.typing import NDArray

from ..data.packing import Bank, pack_pixels
from .scene import Material, compose
from .settings import SceneSettings

Reply = tuple[int, NDArray[np.float32], NDArray[np.bool_], tuple[str, ...]]
_worker: _Worker


class SceneStream:
    """The scenes of the given ``numbers``, in their order, whatever the number of processes.

    Pictures come through shared memory; `close` it, or use it as a context manager.
    """

    def __init__(
        self, seed: int, material: Material, settings: SceneSettings, numbers: Iterable[int], *, processes: int = 1
    ) -> None:
        self._numbers: Iterator[int] = iter(numbers)
        self._canvas = (settings.height, settings.width)
        ahead = 4 * processes
        self._memory = SharedMemory(create=True, size=ahead * settings.height * settings.width * 4)
        self._pool = ProcessPoolExecutor(
            processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(seed, material, settings, self._memory.name),
        )
        self._pending: deque[Future[Reply]] = deque()
        for place in range(ahead):
            self._ask(place)

    def fill(self, bank: Bank) -> Bank:
        """Puts the next scenes into every slot of a bank of the scenes' size, and returns it."""
        for slot in range(len(bank)):
            place, quads, legible, texts = self._pending.popleft().result()
            bank.pixels[slot] = _packed(self._memory, place, self._canvas)
            bank.put_words(slot, quads, legible, texts)
            self._ask(place)
        return bank

    def close(self) -> None:
        """Ends the processes."""
        self._pool.shutdown(cancel_futures=True)
        self._memory.close()
        self._memory.unlink()

    def __enter__(self) -> SceneStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, place: int) -> None:
        number = next(self._numbers, None)
        if number is not None:
            self._pending.append(self._pool.submit(_render, number, place))


class _Worker:
    def __init__(self, seed: int, material: Material, settings: SceneSettings, memory: str) -> None:
        cv2.setNumThreads(1)
        self.seed, self.material, self.settings = seed, material, settings
        self.memory = SharedMemory(memory)


def _start_worker(seed: int, material: Material, settings: SceneSettings, memory: str) -> None:
    global _worker  # noqa: PLW0603
    _worker = _Worker(seed, material, settings, memory)


def _render(number: int, place: int) -> Reply:
    scene = compose(_worker.seed, number, _worker.material, _worker.settings)
    canvas = (_worker.settings.height, _worker.settings.width)
    _packed(_worker.memory, place, canvas)[:] = pack_pixels(scene.image, canvas)
    return place, scene.quads, scene.legible, scene.texts


def _packed(memory: SharedMemory, place: int, canvas: tuple[int, int]) -> NDArray[np.int32]:
    count = canvas[0] * canvas[1]
    return np.ndarray((count,), np.int32, memory.buf, place * count * 4)
