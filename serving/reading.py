"""The recogniser behind ``POST /read``: one image's words at a time, in the order of admission, off the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from east.reading import Crop, Recogniser, read_crops

from .lane import Lane
from .problems import Problem, deadline_passed
from .settings import Queue

_FORESEEN = 0.5  # share of the deadline that the wait may be foreseen to take
_BATCH = 16  # words between two looks at whether anybody still waits


class ReadTexts(NamedTuple):
    """What was read: text and confidence of each word, and when, in seconds of ``time.perf_counter``."""

    texts: list[tuple[str, float]]
    start: float
    end: float


class Reader:
    """Reads the words of admitted images.

    Args:
        recogniser: reads them.
        name: what it is called in answers.
        settings: tells the bounds of the queue, which may change.

    Attributes:
        admitted: images whose words are not read yet, though their requests were let in.
    """

    def __init__(self, recogniser: Recogniser, name: str, settings: Callable[[], Queue]) -> None:
        self.name = name
        self._recogniser = recogniser
        self._settings = settings
        self._lane = Lane([None])  # a recogniser takes all threads for itself
        self._pool = ThreadPoolExecutor(1, "read")
        self.admitted = 0
        self._number = 0
        self._seconds = 0.0  # of an image, as far as is known

    @contextmanager
    def admission(self) -> Iterator[int]:
        """Keeps a place for an image until its words are read, or raises `Problem`; gives the number of its turn."""
        settings = self._settings()
        foreseen = self.admitted * self._seconds
        if self.admitted >= settings.requests or foreseen > _FORESEEN * settings.deadline_seconds:
            detail = f"{self.admitted} images are waiting to be read already; try again later"
            raise Problem(503, "queue-full", detail, retry_after=max(1.0, foreseen / 2))
        self.admitted += 1
        self._number += 1
        try:
            yield self._number
        finally:
            self.admitted -= 1

    async def read(self, crops: Sequence[Crop], turn: int, deadline: float) -> ReadTexts:
        """Reads the words of one image.

        Args:
            crops: uint8 RGB each.
            turn: the number that `admission` gave.
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
        self._seconds = 0.8 * (self._seconds or seconds) + 0.2 * seconds
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
        texts = read_crops(self._recogniser, crops, batch=_BATCH, before_each=before_each)
        return ReadTexts(texts, start, time.perf_counter())


def _check(ends: float, unwanted: Sequence[bool]) -> None:
    """Between two batches: goes on only while somebody waits."""
    if unwanted or time.perf_counter() > ends:
        raise deadline_passed()
