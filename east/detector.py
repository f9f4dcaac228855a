"""TextDetector: an image in, the words' quads out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NoReturn, TypeAlias, get_args, overload

import numpy as np

from .compiling import compile_meanwhile, compile_now
from .detections import Detections
from .errors import ImageError
from .images.decoding import ImageInput
from .images.looks import looks_of
from .images.preparation import PreparedImage, prepare
from .images.several import several_images
from .model.source import ModelSource
from .model.weights import recorded_confidence
from .option_fields import built_from, check_counts
from .options import EVALUATION_SIZE, CallChanges, DetectorOptions, StreamOptions
from .pipeline import Handling, Pipeline
from .runtimes import load_runtime
from .runtimes.base import Runtime
from .streaming import AtOnce, by_threads, by_workers
from .types import Size
from .workers import WorkerShelf

if TYPE_CHECKING:
    from typing_extensions import Unpack

OnError: TypeAlias = Literal["return", "raise"]


class TextDetector:
    """EAST, loaded once and ready for images. Thread-safe; a process forked from this one has to load its own.

    Attributes:
        options: all that it was told, with what ``auto`` came to, and the ``input_size`` of a graph made for one.
        weights, weights_sha256: name and SHA-256 of the weights.
        confidence: the record of what their scores mean, None where there is none.
    """

    @built_from(DetectorOptions)
    def __init__(self, options: DetectorOptions) -> None:
        """Loads the network; a first call on a machine converts it, later ones find it converted.

        Args:
            options: the fields of `DetectorOptions`, one by one; `from_options` takes them as one object.

        Raises:
            WeightsError, GraphError: weights that cannot be used, or not at this ``input_size``.
            RuntimeUnavailableError, UnsupportedPrecisionError: a runtime or a precision that is not to be had here.
            CalibrationError, ConversionError: a conversion that failed, or a damaged record of the weights.
            ValueError: an option out of range.
        """
        source = ModelSource.find(options.weights, options.nodes)
        self.weights = source.name
        self.weights_sha256 = source.sha256
        on_record = recorded_confidence(source.path, source.sha256)
        self.confidence = None if on_record is None else on_record[1]
        with ThreadPoolExecutor(1) as meanwhile:
            meanwhile.submit(compile_meanwhile)
            runtime = load_runtime(source, options)
        chosen = replace(options, runtime=runtime.name, precision=runtime.precision)
        self.options = chosen if runtime.size is None else replace(chosen, input_size=runtime.size)
        curve = None if self.confidence is None else self.confidence.curve
        self._pipeline = Pipeline(runtime, self.weights, curve)
        self._shelf = WorkerShelf()

    @classmethod
    def from_options(cls, options: DetectorOptions) -> TextDetector:
        """A detector with these options."""
        return cls(**vars(options))

    @property
    def runtime(self) -> Runtime:
        """What runs the network."""
        return self._pipeline.runtime

    def detect(
        self,
        image: ImageInput,
        *,
        bgr: bool = False,
        clip: bool = False,
        keep_image: bool = True,
        **changes: Unpack[CallChanges],
    ) -> Detections:
        """Finds the words of one image.

        Args:
            image: a path, the bytes of an image file, a file opened in binary mode, a NumPy array (RGB, or BGR with
                ``bgr``) or a PIL image; see `east.images.load_image`. An array of uint8 RGB is not copied: it is the
                result's ``image``, so leave it as it is while that is in use.
            bgr: arrays hold blue, green and red, in this order.
            clip: quads are to lie within the image, those that leave it cut off: see `Detections.clipped`.
            keep_image: keep the upright image with the result, so that it can be drawn and words can be cut out.
            changes: `CallOptions` that take the place of the detector's own for this call.

        Raises:
            ImageError: it cannot be used.
            TypeError: an option that there is not, or what is no image.
            ValueError: an option out of range.
        """
        options = self.options.changed(**changes)
        handling = Handling(bgr, clip, keep_image)
        with self._pipeline.calls:
            [found] = self._pipeline.run([prepare(image, options, bgr=bgr)], options)
        if isinstance(found, ImageError):
            raise found
        return handling.given(found)

    @overload
    def detect_batch(
        self,
        images: Iterable[ImageInput] | str | os.PathLike[str],
        *,
        on_error: Literal["return"] = "return",
        bgr: bool = False,
        clip: bool = False,
        keep_image: bool = True,
        **changes: Unpack[CallChanges],
    ) -> list[Detections | ImageError]: ...
    @overload
    def detect_batch(
        self,
        images: Iterable[ImageInput] | str | os.PathLike[str],
        *,
        on_error: Literal["raise"],
        bgr: bool = False,
        clip: bool = False,
        keep_image: bool = True,
        **changes: Unpack[CallChanges],
    ) -> list[Detections]: ...
    def detect_batch(
        self,
        images: Iterable[ImageInput] | str | os.PathLike[str],
        *,
        on_error: OnError = "return",
        bgr: bool = False,
        clip: bool = False,
        keep_image: bool = True,
        **changes: Unpack[CallChanges],
    ) -> list[Detections] | list[Detections | ImageError]:
        """Finds the words of several images, of any sizes; images of one network size run in one batch.

        Args:
            images: each as for `detect`, in a list, from a generator, or stacked in one array ``(N, H, W, C)``; or
                the path of a folder (its images and those in folders below, ``img_2`` before ``img_10``, and the
                pages of its PDFs), a pattern such as ``scans/*.png``, or a PDF. `Detections.source` tells which image
                a result is of.
            on_error: what becomes of an image that cannot be used: its error is returned in its place, or raised.
            bgr: as for `detect`.
            clip: likewise.
            keep_image: likewise; a thousand results with their images may not fit in memory.
            changes: likewise.

        Returns:
            one item per image, in order: its `Detections`, or the `ImageError` it failed with, whatever was wrong
            with it; something that is no image at all, such as None, has one too.

        Raises:
            ImageError: a folder without images, a pattern that matches nothing; the first image that cannot be used,
                where errors are to be raised.
            TypeError: one image where several are expected, or an option that there is not.
            ValueError: an option out of range.
        """
        _check_on_error(on_error)
        options = self.options.changed(**changes)
        handling = Handling(bgr, clip, keep_image)
        at_once = self.runtime.batch * self.runtime.parallel
        with closing(self._pipeline.prepare(several_images(images), options, handling, at_once)) as prepared:
            results = self._pipeline.run_all(list(prepared), options, handling)
        return list(_raising(results)) if on_error == "raise" else results

    def detect_prepared(
        self,
        images: Sequence[PreparedImage],
        *,
        before_each: Callable[[], None] = lambda: None,
        processes: int = 0,
        **changes: Unpack[CallChanges],
    ) -> list[Detections | ImageError]:
        """Finds the words of images that `east.images.prepare` has made ready, elsewhere perhaps.

        Args:
            images: all of one network size; no more go into the network at once than the runtime is fastest with.
            before_each: called before each run of the network, of which an image takes several in tiles, and in
                several directions; what it raises ends the call.
            processes: how many find the words in what the network says, for all who ask for as many, until the
                detector is closed; one that ends is started anew for the next call. By default this thread does.
            changes: as for `detect`, those that the images were prepared with among them.

        Returns:
            one item per image, in order: its `Detections`, or the `ImageError` it failed with.

        Raises:
            RuntimeUnavailableError: processes are asked for where there cannot be any.
            WorkerError: one of them has ended over these images, killed perhaps.
        """
        options = self.options.changed(**changes)
        batch = self.runtime.batch
        with self._pipeline.calls:
            workers = self._shelf.common(StreamOptions(processes=processes).processes) if processes else None
            runs = [
                self._pipeline.run(images[at : at + batch], options, None, before_each, workers)
                for at in range(0, len(images), batch)
            ]
        return [found for run in runs for found in run]

    @overload
    def stream(
        self,
        images: Iterable[ImageInput] | str | os.PathLike[str],
        *,
        on_error: Literal["return"] = "return",
        bgr: bool = False,
        clip: bool = False,
        keep_image: bool = True,
        batch: int | None = None,
        threads: int | None = None,
        processes: int | None = None,
        **changes: Unpack[CallChanges],
    ) -> Iterator[Detections | ImageError]: ...
    @overload
    def stream(
        self,
        images: Iterable[ImageInput] | str | os.PathLike[str],
        *,
        on_error: Literal["raise"],
        bgr: bool = False,
        clip: bool = False,
        keep_image: bool = True,
        batch: int | None = None,
        threads: int | None = None,
        processes: int | None = None,
        **changes: Unpack[CallChanges],
    ) -> Iterator[Detections]: ...
    def stream(
        self,
        images: Iterable[ImageInput] | str | os.PathLike[str],
        *,
        on_error: OnError = "return",
        bgr: bool = False,
        clip: bool = False,
        keep_image: bool = True,
        batch: int | None = None,
        threads: int | None = None,
        processes: int | None = None,
        **changes: Unpack[CallChanges],
    ) -> Iterator[Detections] | Iterator[Detections | ImageError]:
        """Finds the words of any number of images, while the caller looks at those found before.

        Args:
            images: as for `detect_batch`; fetched as they are needed, so they may be more than memory holds, and some
                ahead of their results: a generator may use an array again, of which a copy is taken, but has to leave
                files open.
            on_error: likewise; what is raised ends the stream.
            bgr: as for `detect`.
            clip: likewise.
            keep_image: likewise.
            batch: how many images go into the network at once, by default as many as the runtime is fastest with.
            threads: how many batches are under way at once, by default likewise. On a GPU one is decoded and resized
                while another is computed; as long as the stream is open OpenCV then works in its callers' threads
                alone (``cv2.setNumThreads``).
            processes: how many processes decode files, resize them and find the words in what the network says, by
                default those of `StreamOptions`: none, which threads of this one then do. They stay for later streams,
                until the detector is closed. Images that are no files are resized here.
            changes: as for `detect`.

        Returns:
            one item per image, in order: its `Detections`, or the `ImageError` it failed with. What fetching an image
            raises, a generator's own error, comes in its place and ends the stream.

        Raises:
            ImageError: as for `detect_batch`.
            RuntimeUnavailableError: processes are asked for where there cannot be any.
            WorkerError: in its turn, one of them has ended, killed perhaps. It ends the stream, not the detector.
            TypeError: one image where several are expected, or an option that there is not.
            ValueError: an option out of range.
        """
        _check_on_error(on_error)
        count = StreamOptions(**{} if processes is None else {"processes": processes}).processes
        check_counts(**{name: n for name, n in (("batch", batch), ("threads", threads)) if n is not None})
        options = self.options.changed(**changes)
        stream = self._pipeline, several_images(images), options, Handling(bgr, clip, keep_image)
        at_once = AtOnce(batch or self.runtime.batch, threads or self.runtime.parallel)
        found = by_workers(*stream, at_once, self._shelf, count) if count else by_threads(*stream, at_once)
        return _raising(found) if on_error == "raise" else found

    def warm_up(self, size: tuple[int, int] | None = None) -> None:
        """Compiles and allocates for images of ``size`` (height, width), so that no request pays for it.

        Without it, for ``input_size``, or else the table's 672x1280.
        """
        compile_now()
        try:
            chosen = Size.of_network(size or self.options.input_size or EVALUATION_SIZE)
        except ValueError as error:
            raise ValueError(f"size {error}") from None
        with self._pipeline.calls:
            looks = looks_of(chosen, self.options)
            for one in dict.fromkeys(size for look in looks for size in look.sizes):
                for batch in self.runtime.batches:
                    self.runtime.warm_up(one, batch)
        self.detect(np.zeros((*chosen, 3), np.uint8))

    def close(self) -> None:
        """Frees the network, once the calls under way have ended; later calls raise ``ValueError``."""
        if self._pipeline.calls.end():
            self.runtime.close()
            self._shelf.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a detector cannot be pickled or copied: pass its options, and each process makes its own by "
            "TextDetector.from_options(options)"
        )

    def __enter__(self) -> TextDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _raising(results: Iterable[Detections | ImageError]) -> Iterator[Detections]:
    """The results up to the first error, which is raised with the image's number."""
    for number, found in enumerate(results):
        if isinstance(found, ImageError):
            raise type(found)(f"images[{number}]: {found}") from found
        yield found


def _check_on_error(on_error: str) -> None:
    if on_error not in get_args(OnError):
        raise ValueError(f"on_error must be 'return' or 'raise', got {on_error!r}")
