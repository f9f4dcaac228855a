"""Detector and recogniser are loaded in a thread, so that the service is alive, and can be stopped, meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np

from east import TextDetector
from east.images import prepare
from east.images.looks import looks_of
from east.ocr import find
from east.options import EVALUATION_SIZE, DetectorOptions
from east.reading import Recogniser, threads_beside
from east.types import Size
from east.workers.room import AVAILABLE

from .settings import Settings


@dataclass(frozen=True)
class Loaded:
    """What is ready for the first image.

    Attributes:
        detector: warmed up.
        recogniser: None where nothing reads.
        shown: pixels that the network is shown of an image of the size that it was warmed up with last.
        seconds: that such an image takes it.
        processes: that find words beside it, see `TextDetector.detect_prepared`.
    """

    detector: TextDetector
    recogniser: Recogniser | None
    shown: int
    seconds: float
    processes: int


async def load(
    settings: Settings,
    cores: int,
    detector: TextDetector | None,
    recogniser: Recogniser | None,
    loaded: Callable[[], None],
) -> Loaded:
    """Loads by the settings what is not given, and warms up.

    Args:
        settings: what the operator has set.
        cores: that the service has.
        detector: None to load one.
        recogniser: None to find the one that the settings name, if they name any.
        loaded: called in the thread at the end.

    Raises: whatever keeps them from being loaded.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Loaded] = loop.create_future()

    def work() -> None:
        try:
            found = _load(settings, cores, detector, recogniser)
            if future.cancelled():  # the service was stopped meanwhile
                if detector is None:
                    found.detector.close()
                return
            loaded()
            done = partial(_set, future, found)
        except Exception as error:
            done = partial(_set, future, error)
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done)

    threading.Thread(target=work, name="load", daemon=True).start()
    return await future


def shown_pixels(size: Size, options: DetectorOptions) -> int:
    """The pixels that the network is shown of an image that has been brought to a network size."""
    return sum(look.pixels for look in looks_of(size, options))


def _load(settings: Settings, cores: int, detector: TextDetector | None, recogniser: Recogniser | None) -> Loaded:
    if detector is None:
        detector = TextDetector.from_options(settings.detector_options())
    if recogniser is None and settings.reads:
        reading = settings.reading_options()
        threads = threads_beside(settings.detector_options().threads or cores)
        recogniser = find(reading.recogniser, language=reading.language, threads=threads)
    sizes = settings.warm_up or [detector.options.fixed_size or EVALUATION_SIZE]
    for size in sizes:
        detector.warm_up(size)
    start = time.perf_counter()
    detector.warm_up(sizes[-1])
    seconds = time.perf_counter() - start
    processes = _beside(detector, cores)
    if processes:  # they are started, and one is waited for
        blank = np.zeros((*sizes[-1], 3), np.uint8)
        detector.detect_prepared([prepare(blank, detector.options)], processes=processes)
    return Loaded(detector, recogniser, shown_pixels(Size(*sizes[-1]), detector.options), seconds, processes)


def _beside(detector: TextDetector, cores: int) -> int:
    """How many processes are to find words beside a detector.

    One core in four: for each image they do a quarter of what the decoders do. None where the network, on the
    processor itself, takes so much longer that threads find them meanwhile.
    """
    return max(1, cores // 4) if detector.runtime.batch > 1 and AVAILABLE else 0


def _set(future: asyncio.Future[Loaded], result: Loaded | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
        future.exception()  # nobody may be left to hear of it
    else:
        future.set_result(result)
