"""An ordered series of scenes, made by several processes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.shared_memory import SharedMemory

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import SceneSettings
from ..data.packing import PackedImages, pack_pixels
from .scene import Material, compose

Words = tuple[NDArray[np.float32], NDArray[np.bool_], tuple[str, ...]]
_worker: tuple[int, Material, SceneSettings, SharedMemory]


class SceneStream:
    """The scenes of the given ``numbers``, in their order, whatever the number of processes.

    Pictures come through shared memory, in which every scene that is being made has a place: `close` the stream.
    """

    def __init__(
        self, seed: int, material: Material, settings: SceneSettings, numbers: Iterable[int], *, processes: int = 1
    ) -> None:
        self._numbers = iter(numbers)
        self._canvas = (settings.height, settings.width)
        places = 4 * processes
        self._memory = SharedMemory(create=True, size=places * settings.height * settings.width * 4)
        self._pool = ProcessPoolExecutor(
            processes,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(seed, material, settings, self._memory.name),
        )
        self._pending: deque[tuple[int, Future[Words]]] = deque()
        for place in range(places):
            self._submit(place)

    def fill(self, images: PackedImages) -> PackedImages:
        """Puts the next scenes into all of ``images``, whose canvas is of the scenes' size, and returns it."""
        for slot in range(len(images)):
            place, words = self._pending.popleft()
            quads, legible, texts = words.result()
            images.pixels[slot] = _pixels(self._memory, place, self._canvas)
            images.put_words(slot, quads, legible, texts)
            self._submit(place)
        return images

    def close(self) -> None:
        """Ends the processes and frees the memory."""
        self._pool.shutdown(cancel_futures=True)
        self._memory.close()
        self._memory.unlink()

    def _submit(self, place: int) -> None:
        number = next(self._numbers, None)
        if number is not None:
            self._pending.append((place, self._pool.submit(_render, number, place)))


def _start_worker(seed: int, material: Material, settings: SceneSettings, memory: str) -> None:
    global _worker  # noqa: PLW0603
    cv2.setNumThreads(1)
    _worker = (seed, material, settings, SharedMemory(memory))


def _render(number: int, place: int) -> Words:
    seed, material, settings, memory = _worker
    scene = compose(seed, number, material, settings)
    canvas = (settings.height, settings.width)
    _pixels(memory, place, canvas)[:] = pack_pixels(scene.image, canvas)
    return scene.quads, scene.legible, scene.texts


def _pixels(memory: SharedMemory, place: int, canvas: tuple[int, int]) -> NDArray[np.int32]:
    count = canvas[0] * canvas[1]
    return np.ndarray((count,), np.int32, memory.buf, place * count * 4)
