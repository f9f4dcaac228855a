"""Which pictures a step sees: a function of the seed and the step's number, so that a run can be resumed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..data.augment import NUMBERS_PER_VIEW
from ..data.packing import PackedImages
from ..synth.scene import Material
from ..synth.stream import SceneStream


def draw_batch(
    config: Config, step: int, pictures: int, devices: int = 1
) -> tuple[list[NDArray[np.int32]], NDArray[np.float32]]:
    """Draws what a step of ``devices`` sees, where there are so many training ``pictures``.

    Returns:
        Indices into the training pictures and into a device's synthetic ones, without those of which the run has
        none; and the random numbers of the views, float32 ``(devices * batch, NUMBERS_PER_VIEW)``, uniform in 0..1.
    """
    rng = np.random.default_rng([config.seed, 1, step])
    synthetic = config.synthetic_views
    indices = []
    if synthetic < config.batch:
        indices.append(rng.integers(pictures, size=devices * (config.batch - synthetic), dtype=np.int32))
    if synthetic:
        indices.append(rng.integers(config.pool_size, size=devices * synthetic, dtype=np.int32))
    return indices, rng.random((devices * config.batch, NUMBERS_PER_VIEW), np.float32)


class SyntheticLoader:
    """The synthetic pictures of a run: a pool on each device, a part of which is replaced every few steps.

    Picture ``d * pool_size + s`` of the pool is slot ``s`` of device ``d``.
    """

    def __init__(
        self, config: Config, material: Material, *, step: int = 0, devices: int = 1, processes: int = 1
    ) -> None:
        """Begins to draw what the pool holds at ``step``, in ``processes``."""
        self.config, self.devices = config, devices
        self._refreshes = step // config.refresh_every
        numbers = itertools.chain(self._pool_at(self._refreshes), itertools.count(self._first(self._refreshes)))
        self._stream = SceneStream(config.seed, material, config.scenes, numbers, processes=processes)
        self._thread = ThreadPoolExecutor(1)
        self._next: Future[PackedImages] | None = None

    def pool(self) -> PackedImages:
        """Waits for the pictures at the step that the loader began with."""
        pool = self._stream.fill(self._empty(self.config.pool_size))
        self._prefetch()
        return pool

    def refresh(self, step: int) -> tuple[NDArray[np.int32], PackedImages] | None:
        """What is new after this step: slots of each device, and the pictures that go there; mostly None."""
        if (step + 1) % self.config.refresh_every or self._next is None:
            return None
        images, slots = self._next.result(), self._slots(self._refreshes)
        self._refreshes += 1
        self._prefetch()
        return slots, images

    def close(self) -> None:
        """Ends the processes."""
        self._thread.shutdown(cancel_futures=True)
        self._stream.close()

    def _prefetch(self) -> None:
        self._next = self._thread.submit(self._stream.fill, self._empty(self.config.refresh_size))

    def _first(self, refresh: int) -> int:
        """The number of the first scene that a refresh brings."""
        return self.devices * (self.config.pool_size + refresh * self.config.refresh_size)

    def _slots(self, refresh: int) -> NDArray[np.int32]:
        first = refresh * self.config.refresh_size % self.config.pool_size
        return np.arange(first, first + self.config.refresh_size, dtype=np.int32)

    def _pool_at(self, refreshes: int) -> Iterator[int]:
        """Numbers of the scenes in the pool after so many refreshes, in its order."""
        size, pool_size = self.config.refresh_size, self.config.pool_size
        pool = np.arange(self.devices * pool_size).reshape(self.devices, pool_size)
        for refresh in range(max(0, refreshes - pool_size // size), refreshes):
            numbers = self._first(refresh) + np.arange(self.devices * size)
            pool[:, self._slots(refresh)] = numbers.reshape(self.devices, size)
        return (int(number) for number in pool.flat)

    def _empty(self, count: int) -> PackedImages:
        return PackedImages(self.devices * count, self.config.canvas)
