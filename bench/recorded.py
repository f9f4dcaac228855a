"""A stand-in for the network: it says at once what the real one said about the same pictures.

What is measured with it is all that the processor does for a stream, and so the most that it can do for a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from east.options import DetectorOptions
from east.postprocess import select_candidates
from east.runtimes import load_runtime
from east.runtimes.base import Images, Runtime
from east.runtimes.gpu.buffers import BufferPool, fill
from east.runtimes.gpu.runtime import GpuRuntime
from east.runtimes.gpu.selection import capacity, cropped, packed_length, unpack
from east.types import STRIDE, Candidates, Maps, Size

Packed = NDArray[np.float32]


@contextmanager
def without_network(size: Size, path: Path | None) -> Iterator[None]:
    """Detectors that are made meanwhile have a stand-in for images of one size; ``path`` as for it."""

    def stand_in(source: Any, options: DetectorOptions) -> RecordedRuntime:
        return RecordedRuntime(load_runtime(source, options), size, options.score_threshold, path)

    with patch("east.detector.load_runtime", stand_in):
        yield


class RecordedRuntime(Runtime):
    """What a real runtime said, handed out as one on a GPU does: images are copied, what it says comes in one piece."""

    def __init__(self, real: Runtime, size: Size, threshold: float, path: Path | None) -> None:
        """Takes the place of ``real`` for images of one size, at one score threshold; ``path`` is where it remembers.

        Args:
            real: asked about each image that was never seen.
            size: of the images.
            threshold: of scores.
            path: file from an earlier run, or for a later one.
        """
        self.name, self.precision, self.arithmetic, self.device = real.name, real.precision, real.arithmetic, "none"
        self.batch, self.batches, self.parallel, self.size = 8, (1, 2, 4, 8), GpuRuntime.parallel, size
        self._real, self._threshold, self._path = real, threshold, path
        self._buffers = BufferPool(None)
        self._lock = Lock()
        self._said: dict[str, Packed] = {}
        if path is not None and path.exists():
            with np.load(path) as known:
                self._said = dict(known)

    def _learn(self, images: Images) -> None:
        with self._lock:
            before = len(self._said)
            for image in images:
                if _name(image) not in self._said:
                    maps = self._real.infer(image[np.newaxis])
                    self._said[_name(image)] = _packed(maps.score[0], maps.geometry[0], self._threshold)
            if self._path is not None and len(self._said) > before:
                np.savez(self._path, **self._said)

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        return self._real.infer(images)

    def candidates(self, images: Images, score_threshold: float) -> list[Candidates]:
        height, width, _ = images[0].shape
        names = [_name(image) for image in images]
        if not self._said.keys() >= set(names):
            self._learn(images)
        buffer = self._buffers.take((self.batch, height, width, 3))
        fill(buffer, images)
        said = [self._said[name].copy() for name in names]
        self._buffers.give_back(buffer)
        return [_candidates(one, height // STRIDE, width // STRIDE, score_threshold) for one in said]


def _name(image: NDArray[np.uint8]) -> str:
    return image[::97, ::89].tobytes().hex()[::7]


def _packed(score: NDArray[np.float32], geometry: NDArray[np.float32], threshold: float) -> Packed:
    """As `east.runtimes.gpu.selection.pack` does it on a GPU; the maps, where they have more than there is room for."""
    pixels, slots = score.size, capacity(score.size)
    chosen = select_candidates(score, geometry, threshold)
    count = len(chosen.pixels)
    if count > slots:
        return np.concatenate([score.ravel(), geometry.ravel()])
    packed = np.zeros(packed_length(pixels), np.float32)
    packed[:pixels] = score.ravel()
    packed[pixels : pixels + count] = chosen.pixels @ (score.shape[1], 1)
    packed[pixels + slots : pixels + slots + 5 * count] = chosen.geometry.ravel()
    packed[-1] = count
    return packed


def _candidates(packed: Packed, height: int, width: int, threshold: float) -> Candidates:
    pixels = height * width
    if len(packed) == 6 * pixels:
        return select_candidates(
            packed[:pixels].reshape(height, width), packed[pixels:].reshape(height, width, 5), threshold
        )
    found = unpack(packed, height, width)
    assert found is not None
    return cropped(found, height, width)
