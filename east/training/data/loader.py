"""Which pictures a step sees: a function of the seed and the step's number, so that a run can be taken up again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from ..config import Config
from ..synth.scene import Material
from ..synth.stream import SceneStream
from .augment import DRAWS
from .packing import Bank

Draw = tuple[list[NDArray[np.int32]], NDArray[np.float32]]


def draw_batch(config: Config, step: int, pictures: int, devices: int = 1) -> Draw:
    """Indices into the training pictures and into a device's synthetic ones, and random numbers for the views."""
    rng = np.random.default_rng([config.seed, 1, step])
    synthetic = round(config.synthetic * config.batch)
    indices = []
    if synthetic < config.batch:
        indices.append(rng.integers(pictures, size=devices * (config.batch - synthetic), dtype=np.int32))
    if synthetic:
        indices.append(rng.integers(config.kept, size=devices * synthetic, dtype=np.int32))
    return indices, rng.random((devices * config.batch, DRAWS), np.float32)


class SyntheticSupply:
    """The synthetic pictures of a run: ``kept`` on each device, some of them replaced every few steps.

    Every device has its own part of the bank: picture ``d * kept + s`` is slot ``s`` of device ``d``.
    """

    def __init__(
        self, config: Config, material: Material, *, step: int = 0, devices: int = 1, processes: int = 1
    ) -> None:
        """Begins to draw what a run holds at ``step``; `bank` waits for it."""
        self.config, self.devices = config, devices
        self._done = step // config.fresh_every
        numbers = itertools.chain(self._held(self._done), itertools.count(self._first(self._done)))
        self._stream = SceneStream(config.seed, material, config.scenes, numbers, processes=processes)
        self._thread = ThreadPoolExecutor(1)
        self._next: Future[Bank] | None = None

    def bank(self) -> Bank:
        """The pictures at the step the supply began with."""
        bank = self._stream.fill(self._empty(self.config.kept))
        self._next = self._thread.submit(self._stream.fill, self._empty(self.config.fresh))
        return bank

    def refreshment(self, step: int) -> tuple[NDArray[np.int32], Bank] | None:
        """What is new after this step: slots of each device, and the pictures that go there; mostly None."""
        if (step + 1) % self.config.fresh_every or self._next is None:
            return None
        fresh = self._next.result()
        slots = self._slots(self._done)
        self._done += 1
        self._next = self._thread.submit(self._stream.fill, self._empty(self.config.fresh))
        return slots, fresh

    def close(self) -> None:
        """Ends the processes."""
        self._thread.shutdown(cancel_futures=True)
        self._stream.close()

    def _first(self, chunk: int) -> int:
        return self.devices * (self.config.kept + chunk * self.config.fresh)

    def _slots(self, chunk: int) -> NDArray[np.int32]:
        first = chunk * self.config.fresh % self.config.kept
        return np.arange(first, first + self.config.fresh, dtype=np.int32)

    def _held(self, chunks: int) -> Iterator[int]:
        """Numbers of the scenes that the bank holds after so many refreshments, in the bank's order."""
        fresh, kept = self.config.fresh, self.config.kept
        held = np.arange(self.devices * kept).reshape(self.devices, kept)
        for chunk in range(max(0, chunks - kept // fresh), chunks):
            number = self._first(chunk) + np.arange(self.devices * fresh)
            held[:, self._slots(chunk)] = number.reshape(self.devices, fresh)
        return (int(number) for number in held.flat)

    def _empty(self, count: int) -> Bank:
        return Bank(self.devices * count, self.config.canvas)
