"""What runtimes on a GPU share: a function compiled for each shape, and candidates that leave the GPU in one piece."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...frameworks import tensorflow
from ...options import DetectorOptions
from ...postprocess import select_candidates
from ...types import STRIDE, Candidates, Maps, Precision, Size
from ..base import Images, Runtime
from ..conversion.artifacts import Artifact
from ..tensorflow_setup import configure_tensorflow
from .buffers import BufferPool, fill
from .selection import cropped, pack, unpack
from .shapes import BATCHES, CompiledShapes, Shape

_IN_FLIGHT = 2  # batches of a call: one is copied while another is computed
_THRESHOLDS = 16  # that are kept on the device

_log = logging.getLogger(__name__)


class _Batch(NamedTuple):
    """A batch that is in flight: being computed from images that are still copied out of ``buffer``."""

    packed: Any  # tensor on the device, see `selection`
    geometry: Any  # tensor on the device, (N, H/4, W/4, 5)
    shape: Shape
    images: int  # how many there are; the rest of the batch is filling
    size: Size  # of the images, which lie in the top-left corner
    buffer: NDArray[np.uint8]
    function: Any  # that runs


class GpuRuntime(Runtime):
    """A network that is compiled for each shape, on a device from which copies are dear."""

    parallel = 4

    def __init__(
        self,
        artifact: Artifact,
        options: DetectorOptions,
        network: Callable[[Any], Sequence[Any]],
        *,
        whole: bool,
        exact: Size | None,
        batches: Sequence[int] = BATCHES,
    ) -> None:
        """Compiles nothing yet.

        ``network`` maps the tensor of images to those of score and geometry, inside a ``tf.function``. ``whole`` has
        XLA compile it as well, not only the selection of candidates after it. The size ``exact`` is compiled as it is,
        others share buckets, in which images are padded; batches smaller than one of ``batches`` are filled up.
        """
        device = configure_tensorflow(options)
        self.precision = Precision(options.precision)
        self.arithmetic = device.arithmetic(options)
        self.device = device.name
        self.model_bytes = artifact.bytes
        self.batch, self.batches = max(batches), batches
        self._network, self._whole = network, whole
        self._scope, self._on_gpu = device.scope, device.gpu is not None
        self._exact = {exact} if exact is not None else set()
        self._shapes = CompiledShapes(batches, self._exact)
        self._buffers = BufferPool(device.gpu)
        self._threshold = lru_cache(_THRESHOLDS)(lambda value: tensorflow().constant(value, tensorflow().float32))

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        scores, geometries = zip(*(self._maps(*computed) for computed in self._run(images, 1.0)), strict=True)
        return Maps(np.concatenate(scores), np.concatenate(geometries))

    def candidates(self, images: Images, score_threshold: float) -> list[Candidates]:
        computed = self._run(images, score_threshold)
        return [one for batch, packed in computed for one in self._select(batch, packed, score_threshold)]

    def warm_up(self, size: Size, batch: int = 1) -> None:
        """Compiles for exactly this size, and for the smallest batch size that holds ``batch`` images."""
        self._exact.add(Size(*size))
        super().warm_up(size, batch)

    def close(self) -> None:
        self._shapes = CompiledShapes(self.batches, self._exact)
        self._buffers.close()

    def _run(self, images: Images, threshold: float) -> Iterator[tuple[_Batch, NDArray[np.float32]]]:
        in_flight: deque[_Batch] = deque()
        for start in range(0, len(images), self.batch):
            in_flight.append(self._start(images[start : start + self.batch], threshold))
            if len(in_flight) == _IN_FLIGHT:
                yield self._finish(in_flight.popleft())
        while in_flight:
            yield self._finish(in_flight.popleft())

    def _start(self, images: Images, threshold: float) -> _Batch:
        height, width, _ = images[0].shape
        size = Size(height, width)
        shape, function = self._shapes.find(len(images), size, self._compile)
        buffer = self._buffers.take(shape)
        fill(buffer, images)
        with self._scope():
            packed, geometry = function(self._tensor(buffer), self._threshold(threshold))
        return _Batch(packed, geometry, shape, len(images), size, buffer, function)

    def _finish(self, batch: _Batch) -> tuple[_Batch, NDArray[np.float32]]:
        packed = batch.packed.numpy()
        self._buffers.give_back(batch.buffer)  # nothing is copied from it any more
        return batch, packed

    def _maps(self, batch: _Batch, packed: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        geometry = batch.geometry.numpy()
        _, map_height, map_width, _ = geometry.shape
        score = packed[:, : map_height * map_width].reshape(-1, map_height, map_width)
        height, width = batch.size.height // STRIDE, batch.size.width // STRIDE
        return score[: batch.images, :height, :width], geometry[: batch.images, :height, :width]

    def _select(self, batch: _Batch, packed: NDArray[np.float32], threshold: float) -> Iterator[Candidates]:
        map_height, map_width = batch.shape[1] // STRIDE, batch.shape[2] // STRIDE
        height, width = batch.size.height // STRIDE, batch.size.width // STRIDE
        for index in range(batch.images):
            found = unpack(packed[index], map_height, map_width)
            if found is None:
                scores, geometries = self._maps(batch, packed)
                yield select_candidates(scores[index], geometries[index], threshold)
                continue
            yield cropped(found, height, width)

    def _compile(self, shape: Shape) -> Any:
        """The function for a shape, run once, after which it is compiled."""
        tf, start = tensorflow(), time.perf_counter()
        batch, height, width, _ = shape
        maps = (batch, height // STRIDE, width // STRIDE)
        selection = tf.function(pack, jit_compile=True)

        def step(images: Any, threshold: Any) -> tuple[Any, Any]:
            score, geometry = self._network(images)
            score, geometry = tf.ensure_shape(score, (*maps, 1)), tf.ensure_shape(geometry, (*maps, 5))
            return selection(score, geometry, threshold), geometry

        signature = [tf.TensorSpec(shape, tf.uint8), tf.TensorSpec([], tf.float32)]
        function = tf.function(step, input_signature=signature, jit_compile=self._whole or None).get_concrete_function()
        with self._scope():
            function(self._tensor(np.zeros(shape, np.uint8)), self._threshold(1.0))[0].numpy()
        _log.info("compiled %s for %dx%dx%d in %.1f s", self.name, batch, height, width, time.perf_counter() - start)
        return function

    def _tensor(self, images: NDArray[np.uint8]) -> Any:
        """The array as a tensor, sharing its memory if that is going to be copied to a GPU anyway."""
        tf = tensorflow()
        return tf.experimental.dlpack.from_dlpack(images.__dlpack__()) if self._on_gpu else tf.constant(images)
