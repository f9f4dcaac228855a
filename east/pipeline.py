"""The steps from an image to its words, strung together: made ready, seen by the network, its words found."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from .calls import Calls
from .cores import usable_cores
from .detections import Detections
from .errors import ImageError
from .images.decoding import ImageInput
from .images.looks import Look, looks_of, turned
from .images.opencv_threads import one_opencv_thread
from .images.preparation import PreparedImage, prepare
from .images.reduction import reduce
from .images.several import unusable, with_source
from .option_fields import check_switches
from .options import DetectorOptions
from .postprocess import ConfidenceCurve, stitch
from .prefetch import prefetch_map
from .runtimes.base import Runtime
from .types import Candidates, Size, TextBox, Tiles, Timings
from .workers import Seen, Sight, Words, Workers, find_words

Result = TypeVar("Result", Detections, Detections | ImageError)
Done = TypeVar("Done")

_log = logging.getLogger(__name__)

_DECODING = 3 / 8
"""Of the processor's cores, those that decode: 6 of 16 beside an H100. More get in each other's way at the interpreter,
fewer starve the network."""


@dataclass(frozen=True)
class Handling:
    """How a call wants its images taken and its results given; see `TextDetector.detect`."""

    bgr: bool
    clip: bool
    keep_image: bool

    def __post_init__(self) -> None:
        check_switches(**vars(self))

    def prepared(self, image: ImageInput, options: DetectorOptions) -> PreparedImage | ImageError:
        """An image ready for the network, or in its place what is wrong with it."""
        try:
            made = prepare(image, options, bgr=self.bgr)
        except ImageError as error:
            return with_source(error, image)
        except Exception as error:  # of whatever is no image, or of a decoder
            return with_source(unusable(error), image)
        return made if self.keep_image else replace(made, upright=None)

    def given(self, found: Result) -> Result:
        """A result, or the error in its place, as the call wants it."""
        if not isinstance(found, Detections):
            return found
        kept = found if self.keep_image or found.image is None else replace(found, image=None)
        return kept.clipped() if self.clip else kept


class Looked(NamedTuple):
    """An image that the network has seen; the fields are those of `Sight` and of `PreparedImage`."""

    sight: Sight
    timings: Timings
    upright: NDArray[np.uint8] | None
    source: str


class Pipeline:
    """The steps, each open to those who want others between them. Thread-safe.

    Attributes:
        runtime: what runs the network.
        weights: name of its weights.
        curve: from peaks to probabilities, where there is one on record for the weights.
        calls: those under way.
    """

    def __init__(self, runtime: Runtime, weights: str, curve: ConfidenceCurve | None) -> None:
        self.runtime, self.weights, self.curve = runtime, weights, curve
        self.calls = Calls()

    def prepare(
        self, images: Iterable[ImageInput], options: DetectorOptions, handling: Handling, at_once: int
    ) -> Generator[PreparedImage | ImageError, None, None]:
        """Makes images ready for the network, several at once, and says in the place of others what is wrong."""

        def prepared(image: ImageInput) -> PreparedImage | ImageError:
            return handling.prepared(image, options)

        threads = max(1, min(at_once, round(_DECODING * usable_cores())))
        with one_opencv_thread() if threads > 1 else nullcontext():
            yield from prefetch_map(prepared, images, threads=threads, buffer=self.runtime.batch)

    def run_all(
        self,
        images: Sequence[PreparedImage | ImageError],
        options: DetectorOptions,
        handling: Handling,
        turn: AbstractContextManager[object] | None = None,
    ) -> list[Detections | ImageError]:
        """The words of images of any sizes, those of one network size together; errors stay where they are."""
        return [handling.given(found) for found in self._in_sizes(images, lambda same: self.run(same, options, turn))]

    def look_at_all(
        self, images: Sequence[PreparedImage | ImageError], options: DetectorOptions
    ) -> list[Looked | ImageError]:
        """The network alone, on images of any sizes; errors stay where they are."""
        return self._in_sizes(images, lambda same: self.look_at(same, options))

    def run(
        self,
        batch: Sequence[PreparedImage],
        options: DetectorOptions,
        turn: AbstractContextManager[object] | None = None,
        before_each: Callable[[], None] = lambda: None,
        workers: Workers | None = None,
    ) -> list[Detections | ImageError]:
        """The network and the post-processing, on images of one network size.

        Args:
            batch: the images.
            options: of the call.
            turn: held while post-processing. Most of that needs the interpreter, for which threads doing it at the
                same time would contend at every step: two take longer than one after the other.
            before_each: called before each run of the network.
            workers: do the post-processing, if there are any.
        """
        looked = self.look_at(batch, options, before_each)
        if workers is not None:
            words = workers.find_words([one.sight for one in looked], options, self.curve)
            return list(map(self.detections, looked, words))
        with turn or nullcontext():
            return [self.detections(one, find_words(one.sight, options, self.curve)) for one in looked]

    def look_at(
        self,
        batch: Sequence[PreparedImage],
        options: DetectorOptions,
        before_each: Callable[[], None] = lambda: None,
    ) -> list[Looked]:
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
            Looked(
                Sight(one, looks, prepared.size),
                replace(prepared.timings, network=share),
                prepared.upright,
                prepared.source,
            )
            for prepared, one in zip(batch, seen, strict=True)
        ]

    def detections(self, looked: Looked, words: Words | ImageError) -> Detections | ImageError:
        """One image's words as its result."""
        if isinstance(words, ImageError):
            words.source = looked.source
            return words
        sight = looked.sight
        return Detections(
            boxes=tuple(map(TextBox, words.quads, words.scores.tolist())),
            width=sight.size.width,
            height=sight.size.height,
            runtime=self.runtime.name,
            precision=self.runtime.precision,
            timings=replace(looked.timings, postprocess=words.milliseconds),
            image=looked.upright,
            weights=self.weights,
            source=looked.source,
            tiles=len(sight.looks[0].tiles.corners),
            runs=sum(look.runs for look in sight.looks),
        )

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
        with self.calls:
            for same_size in by_size.values():
                for start in range(0, len(same_size), self.runtime.batch):
                    indices, chunk = zip(*same_size[start : start + self.runtime.batch], strict=True)
                    results.update(zip(indices, run(chunk), strict=True))
        return [results[index] for index in range(len(results))]

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


def _cut(image: NDArray[np.uint8], tiles: Tiles) -> Iterator[NDArray[np.uint8]]:
    height, width = tiles.tile
    return (image[top : top + height, left : left + width] for top, left in tiles.corners)
