"""The recogniser behind the service: it reads one image's words at a time, in a fair order, off the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from east.options import READING_SCORE_THRESHOLD, CallChanges, DetectorOptions, ReadingOptions
from east.reading import Crop, Recogniser, read_crops

from .lane import Lane
from .problems import Problem, deadline_passed
from .settings import Queue

_FORESEEN = 0.5  # share of the deadline that the wait may be foreseen to take
_BATCH = 16  # words between two looks at whether anybody still waits
_AT_ONCE = 2  # images of one request whose words are held: while those of one are read, the next are cut out


class ReadTexts(NamedTuple):
    """What was read: text and confidence of each word, and when, in seconds of ``time.perf_counter``."""

    texts: list[tuple[str, float]]
    start: float
    end: float


def as_wished(
    how: ReadingOptions, text_threshold: float | None, own: DetectorOptions, asked: CallChanges
) -> tuple[ReadingOptions, CallChanges]:
    """How one request has its words read and, for that, looked for: doubtful ones, too, unless it says otherwise.

    Args:
        how: they are read here.
        text_threshold: that is asked for; that of ``how`` where none is.
        own: options of the detector.
        asked: changes of them.
    """
    if text_threshold is not None:
        how = replace(how, text_threshold=text_threshold)
    how = how.suited_to(asked.get("scoring", own.scoring))
    return how, {**how.looks_for(), **asked} if own.score_threshold > READING_SCORE_THRESHOLD else asked


class Reader:
    """Reads the words of admitted images.

    Args:
        recogniser: reads them.
        name: what it is called in answers.
        settings: tells the bounds of the queue, which may change.

    Attributes:
        recogniser: as given.
        admitted: images whose words are not read yet, though their requests were let in.
        seconds: that an image takes, as far as is known.
    """

    def __init__(self, recogniser: Recogniser, name: str, settings: Callable[[], Queue]) -> None:
        self.name = name
        self.recogniser = recogniser
        self._settings = settings
        self._lane = Lane([None])  # it may use several threads for the words of one image
        self._pool = ThreadPoolExecutor(1, "read")
        self.admitted = 0
        self.seconds = 0.0

    @contextmanager
    def admission(self) -> Iterator[Places]:
        """Keeps a place for an image of a request that is to come, or raises `Problem`."""
        places = Places(self)
        places.take(1)
        try:
            yield places
        finally:
            self.admitted -= places.kept

    def check_room(self, images: int, kept: int) -> None:
        """Raises `Problem` unless so many images can be read in time, for which some places are kept already."""
        settings = self._settings()
        ahead = self.admitted - kept
        late = (ahead + images) * self.seconds > _FORESEEN * settings.deadline_seconds
        if ahead + images > settings.requests or (ahead and late):
            detail = f"{ahead} images are waiting to be read already; try again later"
            raise Problem(503, "queue-full", detail, retry_after=ahead * self.seconds / 2)

    async def read(self, crops: Sequence[Crop], turn: float, deadline: float) -> ReadTexts:
        """Reads the words of one image.

        Args:
            crops: uint8 RGB each.
            turn: of those who wait the one with the least comes first.
            deadline: event-loop time after which nobody wants them.

        Raises:
            Problem: the deadline passed.
        """
        loop = asyncio.get_running_loop()
        await self._lane.get(turn, deadline)
        ends = time.perf_counter() + deadline - loop.time()
        unwanted: list[bool] = []
        running = loop.run_in_executor(self._pool, self._read, crops, partial(_check, ends, unwanted))
        running.add_done_callback(self._done)
        try:
            read = await asyncio.shield(running)
        except asyncio.CancelledError:
            unwanted.append(True)
            raise
        seconds = read.end - read.start
        self.seconds = 0.8 * (self.seconds or seconds) + 0.2 * seconds
        return read

    def close(self) -> None:
        """Ends the thread once it has nothing to do any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _done(self, running: asyncio.Future[ReadTexts]) -> None:
        self._lane.put(None)
        if not running.cancelled():
            running.exception()  # nobody may be left to hear of it

    def _read(self, crops: Sequence[Crop], before_each: Callable[[], None]) -> ReadTexts:
        start = time.perf_counter()
        texts = read_crops(self.recogniser, crops, batch=_BATCH, before_each=before_each)
        return ReadTexts(texts, start, time.perf_counter())


class Places:
    """What a request's images have among those that are admitted: places, and turns as if they came one after another.

    Attributes:
        kept: how many places are kept for them.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._since = asyncio.get_running_loop().time()
        self._turns = 0
        self._cut_out = asyncio.Semaphore(_AT_ONCE)
        self.kept = 0

    def take(self, images: int) -> None:
        """Keeps a place for each of all the images, or raises `Problem` and changes nothing."""
        self._reader.check_room(images, self.kept)
        self._reader.admitted += images - self.kept
        self.kept = images

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Gives the place of an image away in the end."""
        try:
            yield
        finally:
            self.kept -= 1
            self._reader.admitted -= 1

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[float]:
        """Waits until the words of another image may be held; gives its turn."""
        async with self._cut_out:
            turn = self._since + self._turns * self._reader.seconds
            self._turns += 1
            yield turn


def _check(ends: float, unwanted: Sequence[bool]) -> None:
    """Between two batches: goes on only while somebody waits."""
    if unwanted or time.perf_counter() > ends:
        raise deadline_passed()
