"""TextDetector: an image in, the words' quads out. The one place that strings the steps together."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import replace
from itertools import chain
from threading import Condition, Lock
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, TypeVar, get_args, overload

import numpy as np
from numpy.typing import NDArray

from .compiling import compile_meanwhile, compile_now
from .detections import Detections
from .errors import ImageError
from .images.decoding import ImageInput
from .images.looks import Look, looks_of, turned
from .images.opencv_threads import one_opencv_thread
from .images.preparation import PreparedImage, prepare
from .images.reduction import reduce
from .images.several import several_images, unusable
from .model.source import ModelSource
from .model.weights import recorded_confidence
from .option_fields import built_from
from .options import EVALUATION_SIZE, CallChanges, DetectorOptions, StreamOptions
from .postprocess import ConfidenceCurve, stitch
from .prefetch import in_batches, prefetch_map
from .runtimes import load_runtime
from .runtimes.base import Runtime
from .types import Candidates, Size, TextBox, Tiles, Timings
from .workers import Seen, Sight, Words, WorkerShelf, find_words, travels

if TYPE_CHECKING:
    from typing_extensions import Unpack

OnError: TypeAlias = Literal["return", "raise"]
Result = TypeVar("Result", Detections, Detections | ImageError)
Done = TypeVar("Done")

_log = logging.getLogger(__name__)

_DECODING = 3 / 8
"""Of the processor's cores, those that decode: 6 of 16 beside an H100. More get in each other's way at the interpreter,
fewer starve the network."""


class _Looked(NamedTuple):
    """An image that the network has seen; the fields are those of `Sight` and of `PreparedImage`."""

    sight: Sight
    timings: Timings
    upright: NDArray[np.uint8] | None
    source: str


class TextDetector:
    """EAST, loaded once and ready for images. Thread-safe; a process forked from this one has to load its own.

    Attributes:
        options: all that it was told, with what ``auto`` came to, and the ``input_size`` of a graph made for one.
        runtime: what runs the network.
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
            self.runtime: Runtime = load_runtime(source, options)
        chosen = replace(options, runtime=self.runtime.name, precision=self.runtime.precision)
        self.options = chosen if self.runtime.size is None else replace(chosen, input_size=self.runtime.size)
        self._calls = _Calls()
        self._shelf = WorkerShelf()

    @classmethod
    def from_options(cls, options: DetectorOptions) -> TextDetector:
        """A detector with these options."""
        return cls(**vars(options))

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
        with self._calls:
            [found] = self._run([prepare(image, options, bgr=bgr)], options, nullcontext())
        if isinstance(found, ImageError):
            raise found
        return _as_wanted(found, clip, keep_image)

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
        at_once = self.runtime.batch * self.runtime.parallel
        with closing(self._prepare(several_images(images), options, bgr, keep_image, at_once)) as prepared:
            results = self._run_all(list(prepared), options, nullcontext(), clip, keep_image)
        return list(_raising(results)) if on_error == "raise" else results

    def detect_prepared(
        self,
        images: Sequence[PreparedImage],
        *,
        before_each: Callable[[], None] = lambda: None,
        **changes: Unpack[CallChanges],
    ) -> list[Detections | ImageError]:
        """Finds the words of images that `east.images.prepare` has made ready, elsewhere perhaps.

        Args:
            images: all of one network size; no more go into the network at once than the runtime is fastest with.
            before_each: called before each run of the network, of which an image takes several in tiles, and in
                several directions; what it raises ends the call.
            changes: as for `detect`, those that the images were prepared with among them.

        Returns:
            one item per image, in order: its `Detections`, or the `ImageError` it failed with.
        """
        options = self.options.changed(**changes)
        batch = self.runtime.batch
        with self._calls:
            runs = [
                self._run(images[at : at + batch], options, nullcontext(), before_each)
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
            images: as for `detect_batch`; fetched as they are needed, so they may be more than memory holds.
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
        for name, number in (("batch", batch), ("threads", threads)):
            if number is not None and number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        options = self.options.changed(**changes)
        size, threads = batch or self.runtime.batch, threads or self.runtime.parallel
        some = several_images(images)
        turn = Lock()

        def work(batch: Sequence[PreparedImage | ImageError]) -> list[Detections | ImageError]:
            return self._run_all(batch, options, turn, clip, keep_image)

        def results() -> Iterator[Detections | ImageError]:
            with (
                closing(self._prepare(some, options, bgr, keep_image, size * threads)) as prepared,
                closing(prefetch_map(work, in_batches(prepared, size), threads=threads)) as batches,
            ):
                for found in batches:
                    yield from found

        how = (size, threads), (bgr, clip, keep_image)
        found = self._by_workers(some, options, count, *how) if count else results()
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
        with self._calls:
            looks = looks_of(chosen, self.options)
            for one in dict.fromkeys(size for look in looks for size in look.sizes):
                for batch in self.runtime.batches:
                    self.runtime.warm_up(one, batch)
        self.detect(np.zeros((*chosen, 3), np.uint8))

    def close(self) -> None:
        """Frees the network, once the calls under way have ended; later calls raise ``ValueError``."""
        if self._calls.end():
            self.runtime.close()
            self._shelf.close()

    def __enter__(self) -> TextDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(
        self, images: Iterable[ImageInput], options: DetectorOptions, bgr: bool, keep_image: bool, at_once: int
    ) -> Generator[PreparedImage | ImageError, None, None]:
        """Makes images ready for the network, several at once, and says in the place of others what is wrong."""

        def prepared(image: ImageInput) -> PreparedImage | ImageError:
            return _prepared(image, options, bgr, keep_image)

        threads = max(1, min(at_once, round(_DECODING * (os.cpu_count() or 1))))
        with one_opencv_thread() if threads > 1 else nullcontext():
            yield from prefetch_map(prepared, images, threads=threads, buffer=self.runtime.batch)

    def _by_workers(
        self,
        images: Iterator[ImageInput],
        options: DetectorOptions,
        processes: int,
        at_once: tuple[int, int],
        how: tuple[bool, bool, bool],
    ) -> Generator[Detections | ImageError, None, None]:
        """A stream whose images are made ready, and whose words are found, by processes beside this one.

        Threads of this one wait for them, or for the network, and need the interpreter for little else.

        Args:
            images: of the stream.
            options: of the call.
            processes: how many.
            at_once: how many images go into the network at once, and how many such batches.
            how: ``bgr``, ``clip`` and ``keep_image``.
        """
        (size, threads), (bgr, clip, keep_image) = at_once, how

        def ready(some: Sequence[ImageInput]) -> list[PreparedImage | ImageError]:
            afar = iter(workers.prepare([image for image in some if travels(image)], options, keep_image))
            return [next(afar) if travels(image) else _prepared(image, options, bgr, keep_image) for image in some]

        def looked_at(batch: Sequence[PreparedImage | ImageError]) -> list[_Looked | ImageError]:
            return self._in_sizes(batch, lambda same: self._looked_at(same, options))

        def found(batch: Sequence[_Looked | ImageError]) -> list[Detections | ImageError]:
            seen = [one for one in batch if isinstance(one, _Looked)]
            words = iter(workers.find_words([one.sight for one in seen], options, self._curve))
            return [
                one if isinstance(one, ImageError) else self._detections(one, next(words), options) for one in batch
            ]

        with self._shelf.lend(processes) as workers, one_opencv_thread():
            some = in_batches(images, max(1, size // 2))
            with (
                closing(prefetch_map(ready, some, threads=processes, buffer=max(2, processes // 2))) as prepared,
                closing(
                    prefetch_map(looked_at, in_batches(chain.from_iterable(prepared), size), threads=threads)
                ) as seen,
                closing(prefetch_map(found, seen, threads=max(1, processes // 2))) as batches,
            ):
                for batch in batches:
                    for one in batch:
                        yield _as_wanted(one, clip, keep_image)

    def _run_all(
        self,
        images: Sequence[PreparedImage | ImageError],
        options: DetectorOptions,
        turn: AbstractContextManager[object],
        clip: bool,
        keep_image: bool,
    ) -> list[Detections | ImageError]:
        """The words of images of any sizes, those of one network size together; errors stay where they are."""
        results = self._in_sizes(images, lambda same: self._run(same, options, turn))
        return [_as_wanted(found, clip, keep_image) for found in results]

    def _in_sizes(
        self,
        images: Sequence[PreparedImage | ImageError],
        run: Callable[[Sequence[PreparedImage]], Sequence[Done | ImageError]],
    ) -> list[Done | ImageError]:
        """What ``run`` makes of images of any sizes, those of one network size together; errors stay where they are."""
        results: dict[int, Done | ImageError] = {}
        by_size: dict[Size, list[tuple[int, PreparedImage]]] = {}
        for index, image in enumerate(images):
            if isinstance(image, ImageError):
                results[index] = image
            else:
                by_size.setdefault(image.network_size, []).append((index, image))
        with self._calls:
            for same_size in by_size.values():
                for start in range(0, len(same_size), self.runtime.batch):
                    indices, chunk = zip(*same_size[start : start + self.runtime.batch], strict=True)
                    results.update(zip(indices, run(chunk), strict=True))
        return [results[index] for index in range(len(results))]

    def _run(
        self,
        batch: Sequence[PreparedImage],
        options: DetectorOptions,
        turn: AbstractContextManager[object],
        before_each: Callable[[], None] = lambda: None,
    ) -> list[Detections | ImageError]:
        """The network and the post-processing, on images of one network size.

        Args:
            batch: the images.
            options: of the call.
            turn: held while post-processing. Most of that needs the interpreter, for which threads doing it at the
                same time would contend at every step: two take longer than one after the other.
            before_each: called before each run of the network.
        """
        looked = self._looked_at(batch, options, before_each)
        with turn:
            return [self._detections(one, find_words(one.sight, options, self._curve), options) for one in looked]

    @property
    def _curve(self) -> ConfidenceCurve | None:
        """From peaks to probabilities, where there is one on record for the weights."""
        return None if self.confidence is None else self.confidence.curve

    def _looked_at(
        self,
        batch: Sequence[PreparedImage],
        options: DetectorOptions,
        before_each: Callable[[], None] = lambda: None,
    ) -> list[_Looked]:
        """The network, on images of one network size."""
        start = time.perf_counter()
        looks = looks_of(batch[0].network_size, options)
        upright = looks[0].tiles
        if len(looks) > 1 or len(upright.corners) > 1:
            for prepared in batch:
                _log.info(
                    "an image of %s is seen at %s, in %d tiles of %s and %d directions: %d runs of the network",
                    *(prepared.size, upright.image, len(upright.corners), upright.tile, len(looks)),
                    sum(look.runs for look in looks),
                )
        seen = list(zip(*(self._look(look, batch, options, before_each) for look in looks), strict=True))
        share = (time.perf_counter() - start) * 1e3 / len(batch)
        return [
            _Looked(
                Sight(looks, prepared.network_size, prepared.size),
                replace(prepared.timings, network=share),
                prepared.upright,
                prepared.source,
            )
            for prepared, looks in zip(batch, seen, strict=True)
        ]

    def _look(
        self,
        look: Look,
        batch: Sequence[PreparedImage],
        options: DetectorOptions,
        before_each: Callable[[], None],
    ) -> list[Seen]:
        """What the network says, in one direction, about each image and about its reduced copy, if there is one."""
        pictures = [turned(prepared.resized, look.turn) for prepared in batch]
        tiles, count = look.tiles, len(look.tiles.corners)
        found = self._candidates([tile for one in pictures for tile in _cut(one, tiles)], options, before_each)
        whole = [stitch(found[at : at + count], tiles) for at in range(0, len(found), count)]
        if look.reduced is None:
            return [(one, None) for one in whole]
        copies = [reduce(one, look.reduced) for one in pictures]
        return list(zip(whole, self._candidates(copies, options, before_each), strict=True))

    def _candidates(
        self, images: Sequence[NDArray[np.uint8]], options: DetectorOptions, before_each: Callable[[], None]
    ) -> list[Candidates]:
        """What the network finds in images of one size, as many at once as it is fastest with, or is given."""
        most = self.runtime.batch
        found: list[Candidates] = []
        for at in range(0, len(images), most):
            before_each()
            some = [np.ascontiguousarray(image) for image in images[at : at + most]]
            found += self.runtime.candidates(some, options.score_threshold)
        return found

    def _detections(
        self, looked: _Looked, words: Words | ImageError, options: DetectorOptions
    ) -> Detections | ImageError:
        """One image's words as its result."""
        if isinstance(words, ImageError):
            return words
        looks = looks_of(looked.sight.network_size, options)
        return Detections(
            boxes=tuple(map(TextBox, words.quads, words.scores.tolist())),
            width=looked.sight.size.width,
            height=looked.sight.size.height,
            runtime=self.runtime.name,
            precision=self.runtime.precision,
            timings=replace(looked.timings, postprocess=words.milliseconds),
            image=looked.upright,
            weights=self.weights,
            source=looked.source,
            tiles=len(looks[0].tiles.corners),
            runs=sum(look.runs for look in looks),
        )


def _prepared(image: ImageInput, options: DetectorOptions, bgr: bool, keep_image: bool) -> PreparedImage | ImageError:
    """An image ready for the network, or in its place what is wrong with it."""
    try:
        made = prepare(image, options, bgr=bgr)
    except ImageError as error:
        return error
    except Exception as error:  # of whatever is no image, or of a decoder
        return unusable(error)
    return made if keep_image else replace(made, upright=None)


def _cut(image: NDArray[np.uint8], tiles: Tiles) -> Iterator[NDArray[np.uint8]]:
    height, width = tiles.tile
    return (image[top : top + height, left : left + width] for top, left in tiles.corners)


def _as_wanted(found: Result, clip: bool, keep_image: bool) -> Result:
    """A result, or the error in its place, as a call asks for it."""
    if not isinstance(found, Detections):
        return found
    kept = found if keep_image or found.image is None else replace(found, image=None)
    return kept.clipped() if clip else kept


def _raising(results: Iterable[Detections | ImageError]) -> Iterator[Detections]:
    """The results up to the first error, which is raised with the image's number."""
    for number, found in enumerate(results):
        if isinstance(found, ImageError):
            raise type(found)(f"images[{number}]: {found}") from found
        yield found


def _check_on_error(on_error: str) -> None:
    if on_error not in get_args(OnError):
        raise ValueError(f"on_error must be 'return' or 'raise', got {on_error!r}")


class _Calls:
    """Counts the calls under way, so that what they use is not freed meanwhile."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._running = 0
        self._ended = False

    def __enter__(self) -> None:
        with self._changed:
            if self._ended:
                raise ValueError("this detector is closed")
            self._running += 1

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()

    def end(self) -> bool:
        """Lets no more calls begin and waits for those under way; whether nobody had ended them before."""
        with self._changed:
            first, self._ended = not self._ended, True
            self._changed.wait_for(lambda: not self._running)
            return first
