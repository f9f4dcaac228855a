"""Streams of images: the steps of several batches at once, in threads of this process or in processes beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from threading import Lock
from typing import NamedTuple

from .detections import Detections
from .errors import ImageError
from .images.decoding import ImageInput
from .images.opencv_threads import one_opencv_thread
from .images.preparation import PreparedImage
from .options import DetectorOptions
from .pipeline import Handling, Looked, Pipeline
from .prefetch import in_batches, prefetch_map
from .workers import WorkerShelf, travels


class AtOnce(NamedTuple):
    """How much of a stream is under way.

    batch: how many images go into the network at once.
    batches: how many such batches are under way.
    """

    batch: int
    batches: int


def by_threads(
    pipeline: Pipeline, images: Iterator[ImageInput], options: DetectorOptions, handling: Handling, at_once: AtOnce
) -> Iterator[Detections | ImageError]:
    """A stream whose every step is done by threads of this process."""
    turn = Lock()

    def work(batch: Sequence[PreparedImage | ImageError]) -> list[Detections | ImageError]:
        return pipeline.run_all(batch, options, handling, turn)

    with (
        closing(pipeline.prepare(images, options, handling, at_once.batch * at_once.batches)) as prepared,
        closing(prefetch_map(work, in_batches(prepared, at_once.batch), threads=at_once.batches)) as batches,
    ):
        for found in batches:
            yield from found


def by_workers(
    pipeline: Pipeline,
    images: Iterator[ImageInput],
    options: DetectorOptions,
    handling: Handling,
    at_once: AtOnce,
    shelf: WorkerShelf,
    processes: int,
) -> Iterator[Detections | ImageError]:
    """A stream whose images are made ready, and whose words are found, by processes beside this one.

    Threads of this one wait for them, or for the network, and need the interpreter for little else.
    """

    def ready(some: Sequence[ImageInput]) -> list[PreparedImage | ImageError]:
        files = [image for image in some if travels(image)]
        afar = iter(workers.prepare(files, options, handling.keep_image))
        return [next(afar) if travels(image) else handling.prepared(image, options) for image in some]

    def look(batch: Sequence[PreparedImage | ImageError]) -> list[Looked | ImageError]:
        return pipeline.look_at_all(batch, options)

    def find(batch: Sequence[Looked | ImageError]) -> list[Detections | ImageError]:
        seen = [one for one in batch if not isinstance(one, ImageError)]
        words = iter(workers.find_words([one.sight for one in seen], options, pipeline.curve))
        return [
            one if isinstance(one, ImageError) else handling.given(pipeline.detections(one, next(words)))
            for one in batch
        ]

    with shelf.lend(processes) as workers, one_opencv_thread():
        some = in_batches(images, max(1, at_once.batch // 2))
        with (
            closing(prefetch_map(ready, some, threads=processes, buffer=max(2, processes // 2))) as prepared,
            closing(
                prefetch_map(look, in_batches(chain.from_iterable(prepared), at_once.batch), threads=at_once.batches)
            ) as looked,
            closing(prefetch_map(find, looked, threads=max(1, processes // 2))) as batches,
        ):
            for found in batches:
                yield from found
