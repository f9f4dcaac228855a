"""TextDetector: an image in, the words' quads out. The one place that strings the steps together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from threading import Lock
from types import TracebackType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .detections import Detections
from .errors import ImageError, TooManyBoxesError
from .images.decoding import ImageInput, load_image
from .images.sizing import Rounding, network_size, resize, to_image_frame
from .model.source import ModelSource
from .options import NodeNames, TfTrtOptions
from .postprocess import extract_boxes
from .prefetch import map_ahead
from .runtimes import load_runtime
from .runtimes.base import LoadOptions, Runtime
from .runtimes.conversion.calibration import Calibration
from .types import Candidates, Precision, Size, TextBox, Thresholds, Timings

_EVALUATION_SIZE = Size(672, 1280)


class TextDetector:
    """EAST, loaded once and ready for images. Thread-safe; a process forked from this one has to load its own."""

    def __init__(
        self,
        weights: str = "default",
        runtime: str = "auto",
        precision: str | Precision = Precision.FP32,
        input_size: tuple[int, int] | None = None,
        max_side: int = 2400,
        score_threshold: float = 0.8,
        nms_threshold: float = 0.2,
        box_threshold: float = 0.1,
        threads: int | None = None,
        *,
        rounding: Rounding = "down",
        tf32: bool = False,
        nodes: NodeNames | None = None,
        gpu_memory_fraction: float | None = None,
        calibration: Calibration | None = None,
        max_drop: float | None = None,
        tftrt: TfTrtOptions | None = None,
        max_boxes: int | None = None,
    ) -> None:
        """Loads the network; a first call on a machine converts it, later ones find it converted.

        weights: a name that ``python -m weights list`` shows, or the path of a bundle (.npz), a TensorFlow
            checkpoint, a frozen graph (.pb) or a SavedModel folder.
        runtime: ``auto`` takes the fastest that works here for the precision; else ``tftrt``, ``xla``, ``openvino`` or
            ``tensorflow``.
        precision: ``FP32``, ``FP16`` or ``INT8``; what the runtime really computes in is ``runtime.arithmetic``.
        input_size: height and width in pixels, multiples of 32, that every image is resized to. Without it
            the image's own size, its long side capped at ``max_side``, each side rounded to a multiple of 32.
        score_threshold, nms_threshold, box_threshold: see `Thresholds`.
        threads: CPU threads; None leaves it to the runtime.
        rounding: ``down``, or ``original`` for the original code's ``(side // 32 - 1) * 32``.
        tf32: lets TensorFlow on an NVIDIA GPU round FP32 to TF32.
        nodes: names of the input and output nodes, where they differ from the original's.
        gpu_memory_fraction: of the GPU's memory, what TensorFlow may take at most, 0..1.
        calibration: the images that INT8 is calibrated on; by default 100 of ICDAR2015's training images below
            ``ICDAR2015_DIR``, else those shipped with the project.
        max_drop: INT8 puts layers back to floating point until its boxes agree with FP32's to an F1 of 1 minus this.
        tftrt: how TF-TRT converts.
        max_boxes: an image in which more boxes than these would have to be compared with each other raises
            `TooManyBoxesError`; without it lax thresholds may take minutes.

        Raises `WeightsError`, `GraphError`, `RuntimeUnavailableError`, `UnsupportedPrecisionError`,
        `CalibrationError`, `ConversionError`, or ``ValueError`` for an argument out of range.
        """
        self.input_size = None if input_size is None else Size.of_network(input_size, "input_size")
        network_size(_EVALUATION_SIZE, max_side, rounding)  # refuses what no image could be resized by
        if gpu_memory_fraction is not None and not 0.0 < gpu_memory_fraction <= 1.0:
            raise ValueError(f"gpu_memory_fraction must be between 0 and 1, got {gpu_memory_fraction}")
        _check_positive(threads=threads, max_boxes=max_boxes)
        self.thresholds = Thresholds(score_threshold, nms_threshold, box_threshold)
        self.max_side = max_side
        self.rounding = rounding
        self.max_boxes = max_boxes
        source = ModelSource.find(weights, nodes)
        self.weights = source.name
        self.weights_sha256 = source.sha256
        options = LoadOptions(
            _precision(precision),
            threads,
            tf32,
            self.input_size,
            gpu_memory_fraction,
            tftrt or TfTrtOptions(),
            calibration or Calibration(),
            max_drop,
        )
        self.runtime: Runtime = load_runtime(source, runtime, options)
        self._closed = False

    def detect(
        self, image: ImageInput, *, bgr: bool = False, thresholds: Thresholds | None = None, max_side: int | None = None
    ) -> Detections:
        """Finds the words of one image.

        image: a path, the bytes of an image file, a NumPy array (RGB, or BGR with ``bgr``) or a PIL image. An array of
            uint8 RGB is not copied: it is the result's ``image``, so leave it as it is while that is in use.
        thresholds, max_side: take the place of the detector's own for this call.
        Raises `ImageError` when it cannot be used.
        """
        prepared = self._prepare(image, bgr, self.max_side if max_side is None else max_side)
        [found] = self._run([prepared], thresholds or self.thresholds, nullcontext())
        if isinstance(found, ImageError):
            raise found
        return found

    def detect_batch(
        self, images: Iterable[ImageInput], *, bgr: bool = False, thresholds: Thresholds | None = None
    ) -> list[Detections | ImageError]:
        """Finds the words of several images, of any sizes; images of one network size run in one batch.

        Returns one item per image, in order: its `Detections`, or the `ImageError` it failed with.
        """
        return self._detect_batch(images, bgr, thresholds or self.thresholds, nullcontext())

    def _detect_batch(
        self, images: Iterable[ImageInput], bgr: bool, thresholds: Thresholds, turn: AbstractContextManager[object]
    ) -> list[Detections | ImageError]:
        results: dict[int, Detections | ImageError] = {}
        by_size: dict[Size, list[tuple[int, _Prepared]]] = {}
        for index, image in enumerate(images):
            try:
                prepared = self._prepare(image, bgr, self.max_side)
            except ImageError as error:
                results[index] = error
            else:
                by_size.setdefault(prepared.size, []).append((index, prepared))
        for same_size in by_size.values():
            for start in range(0, len(same_size), self.runtime.batch):
                indices, chunk = zip(*same_size[start : start + self.runtime.batch], strict=True)
                results.update(zip(indices, self._run(chunk, thresholds, turn), strict=True))
        return [results[index] for index in range(len(results))]

    def stream(
        self,
        images: Iterable[ImageInput],
        *,
        bgr: bool = False,
        thresholds: Thresholds | None = None,
        batch: int | None = None,
        threads: int | None = None,
    ) -> Iterator[Detections | ImageError]:
        """Finds the words of any number of images, while the caller looks at those found before.

        images: are fetched as they are needed, so they may be more than memory holds.
        batch: how many images go into the network at once, by default as many as the runtime is fastest with.
        threads: how many batches are under way at once, by default likewise. On a GPU one is decoded and resized
            while another is computed.
        Yields one item per image, in order: its `Detections`, or the `ImageError` it failed with.
        """
        _check_positive(batch=batch, threads=threads)
        turn = Lock()

        def work(some: list[ImageInput]) -> list[Detections | ImageError]:
            return self._detect_batch(some, bgr, thresholds or self.thresholds, turn)

        supply = iter(images)
        batches = iter(lambda: list(islice(supply, batch or self.runtime.batch)), [])
        for found in map_ahead(work, batches, threads=threads or self.runtime.parallel):
            yield from found

    def warm_up(self, size: tuple[int, int] | None = None) -> None:
        """Compiles and allocates for images of ``size`` (height, width), so that no request pays for it.

        Without it, for ``input_size``, or else the table's 672x1280.
        """
        chosen = (self.input_size or _EVALUATION_SIZE) if size is None else Size.of_network(size, "size")
        for batch in self.runtime.batches:
            self.runtime.warm_up(chosen, batch)
        self.detect(np.zeros((*chosen, 3), np.uint8))

    def close(self) -> None:
        """Frees the network. Only to be closed again may the detector be used afterwards."""
        if not self._closed:
            self._closed = True
            self.runtime.close()

    def __enter__(self) -> TextDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, image: ImageInput, bgr: bool, max_side: int) -> _Prepared:
        start = time.perf_counter()
        upright = load_image(image, bgr=bgr)
        decoded = time.perf_counter()
        size = self.input_size or network_size(Size(*upright.shape[:2]), max_side, self.rounding)
        resized = resize(upright, size)
        resizing = time.perf_counter() - decoded
        return _Prepared(upright, resized, Timings(decode=(decoded - start) * 1e3, resize=resizing * 1e3))

    def _run(
        self, batch: Sequence[_Prepared], thresholds: Thresholds, turn: AbstractContextManager[object]
    ) -> list[Detections | ImageError]:
        """The network and the post-processing, on images of one network size.

        turn: held while post-processing. Most of that needs the interpreter, for which threads doing it at the same
            time would contend at every step: two take longer than one after the other.
        """
        if self._closed:
            raise ValueError("this detector is closed")
        start = time.perf_counter()
        found = self.runtime.candidates([prepared.resized for prepared in batch], thresholds.score)
        share = (time.perf_counter() - start) * 1e3 / len(batch)
        with turn:
            return [self._detections(p, c, thresholds, share) for p, c in zip(batch, found, strict=True)]

    def _detections(
        self, prepared: _Prepared, candidates: Candidates, thresholds: Thresholds, network_ms: float
    ) -> Detections | ImageError:
        start = time.perf_counter()
        try:
            quads, scores = extract_boxes(candidates, thresholds, self.max_boxes)
        except TooManyBoxesError as error:
            return error
        height, width = prepared.upright.shape[:2]
        quads = to_image_frame(quads, prepared.size, Size(height, width))
        boxes = tuple(TextBox(quad, float(score)) for quad, score in zip(quads, scores, strict=True))
        timings = replace(prepared.timings, network=network_ms, postprocess=(time.perf_counter() - start) * 1e3)
        return Detections(
            boxes=boxes,
            width=width,
            height=height,
            runtime=self.runtime.name,
            precision=self.runtime.precision,
            timings=timings,
            image=prepared.upright,
            weights=self.weights,
        )


class _Prepared(NamedTuple):
    """An image on its way into the network; ``upright`` and ``resized`` are uint8 RGB ``(H, W, 3)``."""

    upright: NDArray[np.uint8]
    resized: NDArray[np.uint8]
    timings: Timings

    @property
    def size(self) -> Size:
        return Size(*self.resized.shape[:2])


def _check_positive(**numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")


def _precision(precision: str | Precision) -> Precision:
    try:
        return Precision(str(precision).upper())
    except ValueError:
        raise ValueError(f"precision must be one of {', '.join(Precision)}, got {precision!r}") from None
