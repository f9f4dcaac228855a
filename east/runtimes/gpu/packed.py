"""What runtimes on a GPU share: shapes compiled in buckets, and candidates that leave the GPU in one piece."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...frameworks import tensorflow
from ...postprocess import select_candidates
from ...types import Candidates, Maps, Size
from ..base import Images, Runtime
from .buckets import BATCHES, batch_bucket, bucket, fill
from .selection import pack, unpack
from .staging import Staging

_AHEAD = 2  # batches on their way at once: one is copied while another is computed

_log = logging.getLogger(__name__)


class _UnderWay(NamedTuple):
    """A batch that is being computed, and the array its images are copied from meanwhile."""

    packed: Any
    geometry: Any
    images: int
    size: Size
    staged: NDArray[np.uint8]


class _Done(NamedTuple):
    """A computed batch; ``packed`` is here, ``geometry`` is still a tensor on the device."""

    packed: NDArray[np.float32]
    geometry: Any
    images: int
    size: Size


class PackedRuntime(Runtime):
    """A network that is compiled for each shape, on a device from which copies are dear.

    network: from the tensor of images to those of score and geometry, to be called inside a ``tf.function``.
    whole: compiles the network with XLA as well, not only the selection of candidates after it.
    exact: a size to be compiled as it is; others share buckets, in which images are padded.
    batches: the batch sizes to compile for; smaller batches are filled up.
    """

    parallel = 4

    def __init__(
        self,
        network: Callable[[Any], Sequence[Any]],
        *,
        whole: bool,
        exact: Size | None,
        batches: Sequence[int] = BATCHES,
    ) -> None:
        self._network, self._whole = network, whole
        self.batch, self.batches = max(batches), batches
        self._exact = {exact} if exact is not None else set()
        self._steps: dict[tuple[int, ...], Any] = {}
        self._thresholds: dict[float, Any] = {}
        self._compiling = threading.Lock()
        self._on_gpu = bool(tensorflow().config.list_logical_devices("GPU"))
        self._staging = Staging(page_locked=self._on_gpu)

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        scores, geometries = zip(*(self._maps(batch) for batch in self._run(images, 1.0)), strict=True)
        return Maps(np.concatenate(scores), np.concatenate(geometries))

    def candidates(self, images: Images, score_threshold: float) -> list[Candidates]:
        return [one for batch in self._run(images, score_threshold) for one in self._select(batch, score_threshold)]

    def warm_up(self, size: Size, batch: int = 1) -> None:
        """Compiles for exactly this size, and for the smallest batch size that holds ``batch`` images."""
        self._exact.add(Size(*size))
        super().warm_up(size, batch)

    def close(self) -> None:
        self._steps.clear()
        self._staging.close()

    def _run(self, images: Images, threshold: float) -> Iterator[_Done]:
        under_way: deque[_UnderWay] = deque()
        for start in range(0, len(images), self.batch):
            under_way.append(self._start(images[start : start + self.batch], threshold))
            if len(under_way) == _AHEAD:
                yield self._finish(under_way.popleft())
        while under_way:
            yield self._finish(under_way.popleft())

    def _start(self, images: Images, threshold: float) -> _UnderWay:
        height, width, _ = images[0].shape
        shape = (batch_bucket(len(images), self.batches), *bucket(Size(height, width), self._exact), 3)
        step = self._step(shape)
        staged = self._staging.take(shape)
        fill(staged, images)
        packed, geometry = step(self._tensor(staged), self._threshold(threshold))
        return _UnderWay(packed, geometry, len(images), Size(height, width), staged)

    def _finish(self, batch: _UnderWay) -> _Done:
        packed = batch.packed.numpy()
        self._staging.give_back(batch.staged)
        return _Done(packed, batch.geometry, batch.images, batch.size)

    def _maps(self, batch: _Done) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        geometry = batch.geometry.numpy()
        _, map_height, map_width, _ = geometry.shape
        score = batch.packed[:, : map_height * map_width].reshape(-1, map_height, map_width)
        height, width = batch.size.height // 4, batch.size.width // 4
        return score[: batch.images, :height, :width], geometry[: batch.images, :height, :width]

    def _select(self, batch: _Done, threshold: float) -> Iterator[Candidates]:
        _, map_height, map_width, _ = batch.geometry.shape
        height, width = batch.size.height // 4, batch.size.width // 4
        for index in range(batch.images):
            found = unpack(batch.packed[index], map_height, map_width)
            if found is None:
                scores, geometries = self._maps(batch)
                yield select_candidates(scores[index], geometries[index], threshold)
                continue
            inside = (found.pixels < (height, width)).all(axis=1) & np.isfinite(found.geometry).all(axis=1)
            score_map = np.ascontiguousarray(found.score_map[:height, :width])
            yield Candidates(found.pixels[inside], found.geometry[inside], score_map)

    def _step(self, shape: tuple[int, ...]) -> Any:
        """The compiled function for one shape; whoever needs a shape first compiles it, and others wait."""
        step = self._steps.get(shape)
        if step is not None:
            return step
        with self._compiling:
            if shape not in self._steps:
                start = time.perf_counter()
                step = self._compile(shape)
                step(self._tensor(np.zeros(shape, np.uint8)), self._threshold(1.0))[0].numpy()
                self._steps[shape] = step
                batch, height, width, _ = shape
                _log.info(
                    "compiled %s for %dx%dx%d in %.1f s", self.name, batch, height, width, time.perf_counter() - start
                )
            return self._steps[shape]

    def _compile(self, shape: tuple[int, ...]) -> Any:
        tf = tensorflow()
        selection = tf.function(pack, jit_compile=True)

        def step(images: Any, threshold: Any) -> tuple[Any, Any]:
            score, geometry = self._network(images)
            batch, height, width, _ = shape
            score = tf.ensure_shape(score, [batch, height // 4, width // 4, 1])
            geometry = tf.ensure_shape(geometry, [batch, height // 4, width // 4, 5])
            return selection(score, geometry, threshold), geometry

        signature = [tf.TensorSpec(shape, tf.uint8), tf.TensorSpec([], tf.float32)]
        return tf.function(step, input_signature=signature, jit_compile=self._whole or None).get_concrete_function()

    def _tensor(self, images: NDArray[np.uint8]) -> Any:
        """The array as a tensor, sharing its memory if that is going to be copied to a GPU anyway."""
        tf = tensorflow()
        return tf.experimental.dlpack.from_dlpack(images.__dlpack__()) if self._on_gpu else tf.constant(images)

    def _threshold(self, value: float) -> Any:
        if value not in self._thresholds:
            self._thresholds[value] = tensorflow().constant(value, tensorflow().float32)
        return self._thresholds[value]
