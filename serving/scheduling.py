"""Images wait here for the network: bounded, in a fair order, in batches where that pays, dropped when unwanted."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from east import TextDetector
from east.detections import Detections
from east.errors import ImageError
from east.images.preparation import PreparedImage
from east.options import CallChanges
from east.types import Size

from .metrics import Metrics
from .problems import Problem, deadline_passed
from .settings import Queue

_FORESEEN = 0.5  # share of the deadline that the wait may be foreseen to take; the rest is for what is not foreseen

_LEAST = 128 * 128
"""Pixels below which an image takes the network no less time."""

_TELLING = 640 * 336
"""Pixels from which an image tells what a pixel takes: a quarter of the table's size."""

_NICENESS = 10

logger = logging.getLogger("serving")


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(eq=False)
class Job:
    """One image to find words in.

    Attributes:
        size: the network's size for it, which decides whom it may share a batch with.
        shown: pixels that the network is shown of it: all its tiles, reduced copies and directions.
        changes: what is asked of the detector, likewise.
        finish: makes the answer of the detections and the milliseconds waited, off the event loop.
        deadline: event-loop time after which nobody wants the answer.
        number: its place among the images of its request, from 0.
        image: None until it has been decoded, and when the network has seen it.
        submitted: event-loop time since which it is under way.
        network_seconds: what the network took for it, once that is known.
        answer: what ``finish`` returned; or the exception instead, an `ImageError` or `Problem` as a rule.
    """

    size: Size
    shown: int
    changes: CallChanges
    finish: Callable[[Detections, float], Any]
    deadline: float
    number: int = 0
    image: PreparedImage | None = None
    submitted: float = field(default_factory=_now)
    network_seconds: float = 0.0
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def pixels(self) -> int:
        """What the network's time for it is proportional to."""
        return max(_LEAST, self.shown)

    @property
    def preparing(self) -> float:
        """Seconds that decoding and resizing took."""
        return 0.0 if self.image is None else self.image.timings.total / 1e3


class Scheduler:
    """A bounded queue in front of a detector, and the threads that work it off.

    Those who came first are served first, but a large image waits longer than a small one, and the images of one
    request as if they had come one after another. While a large image is under way, the other threads take small ones.

    Args:
        detector: finds the words.
        settings: of the queue.
        metrics: told of each step.
        on_failure: told, once, why the runtime is dead; from then on nothing is taken.
        parallel: detections at a time.
        batch: images of one run of the network.
        processes: that find words beside it, see `TextDetector.detect_prepared`.
        measured: pixels that the network is shown of an image and the seconds it takes, as a first guess; then it is
            measured.
    """

    def __init__(
        self,
        detector: TextDetector,
        settings: Queue,
        metrics: Metrics,
        on_failure: Callable[[str], None],
        *,
        parallel: int,
        batch: int,
        processes: int = 0,
        measured: tuple[int, float] | None = None,
    ) -> None:
        self._detector = detector
        self._settings = settings
        self._metrics = metrics
        self._on_failure = on_failure
        self._parallel = parallel
        self._batch = batch
        self._processes = processes
        self._waiting: list[Job] = []
        metrics.queue_length.set_function(lambda: len(self._waiting))
        self._news = asyncio.Event()
        self._large = 0
        self._pool = ThreadPoolExecutor(parallel, "detect")
        self._large_pool = ThreadPoolExecutor(max(1, parallel - 1), "detect-large", _give_way)
        self._seconds_per_pixel = measured[1] / max(_LEAST, measured[0]) if measured else 0.0
        self._seconds_per_image = 0.0
        self._dead = False
        self._closed = False
        self._workers = [asyncio.create_task(self._work()) for _ in range(parallel)]

    def check_room(self, jobs: Sequence[Job] = ()) -> None:
        """Raises `Problem` when these could not be answered in time, or not even a small one if there are none."""
        if self._dead:
            raise Problem(503, "runtime-failed", "the runtime failed; this process is ending", retry_after=5)
        large = any(self._is_large(job) for job in jobs)
        ahead = self._foreseen([job for job in self._waiting if self._is_large(job) is large], large)
        least = _LEAST * self._seconds_per_pixel
        own = max([self._foreseen(jobs, large), least, *(job.pixels * self._seconds_per_pixel for job in jobs)])
        late = ahead + own > _FORESEEN * self._settings.deadline_seconds
        if len(self._waiting) + max(1, len(jobs)) > self._settings.requests or (ahead and late):
            detail = f"{len(self._waiting)} images are waiting already; try again later"
            raise Problem(503, "queue-full", detail, retry_after=ahead / 2)

    def reload(self, settings: Queue) -> None:
        """Other bounds for what comes from now on."""
        self._settings = settings

    def submit(self, jobs: Sequence[Job]) -> None:
        """Keeps a place for all jobs, or raises `Problem` and keeps none. Each comes to its turn once it is decoded."""
        self.check_room(jobs)
        self._waiting += jobs
        self._news.set()

    def decoded(self, job: Job, image: PreparedImage) -> None:
        """Lets a job come to its turn."""
        job.image = image
        self._news.set()

    def withdraw(self, jobs: Sequence[Job]) -> None:
        """Nobody waits for these any more; what has not begun will not."""
        for job in jobs:
            job.answer.cancel()
        self._waiting = [job for job in self._waiting if not job.answer.done()]

    async def close(self) -> None:
        """Stops working; jobs still waiting are cancelled."""
        self._closed = True  # a cancellation gets lost when the detection ends at that very moment
        self.withdraw(self._waiting)
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        for pool in (self._pool, self._large_pool):
            pool.shutdown(wait=not self._dead)

    def _foreseen(self, jobs: Sequence[Job], large: bool) -> float:
        """Seconds that these will take together; large ones have one thread less, and none but them wait for them."""
        threads = max(1, self._parallel - 1) if large else self._parallel
        return sum(job.pixels for job in jobs) * self._seconds_per_pixel / threads

    def _is_large(self, job: Job) -> bool:
        return job.pixels > self._detector.runtime.large

    def _turn(self, job: Job) -> float:
        return job.submitted + (job.number + 1) * max(job.pixels * self._seconds_per_pixel, self._seconds_per_image)

    def _learn(self, batch: list[Job], seconds: float) -> None:
        """Learns from what a batch took: of the network for what is foreseen, of everything for whose turn it is.

        What other images take must not keep those out that would be answered in time; and small images tell nothing of
        what a pixel takes.
        """
        each = seconds / len(batch)
        self._seconds_per_image = 0.8 * (self._seconds_per_image or each) + 0.2 * each
        if batch[0].pixels >= _TELLING and all(job.network_seconds for job in batch):
            took = sum(job.network_seconds for job in batch) / sum(job.pixels for job in batch)
            self._seconds_per_pixel = 0.8 * (self._seconds_per_pixel or took) + 0.2 * took

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            batch = await self._next_batch()
            start = loop.time()
            waited = [start - job.submitted - job.preparing for job in batch]
            for seconds in waited:
                self._metrics.queue_seconds.observe(seconds)
            self._metrics.batch_size.observe(len(batch))
            large = self._is_large(batch[0])
            self._large += large
            pool = self._large_pool if large else self._pool
            running = loop.run_in_executor(pool, self._detect, batch, waited, self._processes)
            try:
                outcomes = await asyncio.wait_for(running, self._settings.stuck_seconds)
            except asyncio.TimeoutError:
                self._fail(batch, f"the runtime gave no answer in {self._settings.stuck_seconds:g} seconds")
                return
            except Exception as error:  # not even a blank image can be done
                self._fail(batch, f"the runtime failed: {error}")
                return
            finally:
                self._large -= large
                self._news.set()
            self._learn(batch, loop.time() - start)
            for job, outcome in zip(batch, outcomes, strict=True):
                job.image = None  # its memory is for others
                _settle(job, outcome)

    async def _next_batch(self) -> list[Job]:
        while True:
            batch = self._take(1)
            if not batch:
                self._news.clear()
                await self._news.wait()
                continue
            if self._batch > 1:
                batch += self._take(self._batch - 1, like=batch[0])
                if len(batch) < self._batch and self._settings.batch_milliseconds:
                    await asyncio.sleep(self._settings.batch_milliseconds / 1e3)
                    batch += self._take(self._batch - len(batch), like=batch[0])
            return batch

    def _take(self, most: int, like: Job | None = None) -> list[Job]:
        """Takes decoded images in the order of their turns, leaving out those that are too late."""
        now = _now()
        for job in self._waiting:
            if job.deadline <= now:
                _settle(job, deadline_passed())
        self._waiting = [job for job in self._waiting if not job.answer.done()]
        decoded = [job for job in self._waiting if job.image is not None]
        if like is not None:
            decoded = [job for job in decoded if (job.size, job.changes) == (like.size, like.changes)]
        elif self._large >= max(1, self._parallel - 1):
            decoded = [job for job in decoded if not self._is_large(job)]
        taken = sorted(decoded, key=self._turn)[:most]
        self._waiting = [job for job in self._waiting if job not in taken]
        return taken

    def _detect(self, batch: list[Job], waited: list[float], processes: int) -> list[Any]:
        """In a thread: for each job its answer, or the exception instead. Raises when the runtime is broken."""
        try:
            images = [job.image for job in batch if job.image is not None]
            check = partial(_check_wanted, batch)
            found = self._detector.detect_prepared(images, before_each=check, processes=processes, **batch[0].changes)
            outcomes: list[Any] = []
            for job, detections, seconds in zip(batch, found, waited, strict=True):
                if isinstance(detections, ImageError):
                    outcomes.append(detections)
                else:
                    job.network_seconds = detections.timings.network / 1e3
                    outcomes.append(job.finish(detections, seconds * 1e3))
            return outcomes
        except _UnwantedError as error:
            return [error] * len(batch)
        except Exception as error:
            logger.exception("detection failed")
            if len(batch) > 1 or processes:  # one bad image must not take the others with it, nor a process that died
                return [self._detect([job], [seconds], 0)[0] for job, seconds in zip(batch, waited, strict=True)]
            self._detector.warm_up()  # tells a runtime that is broken from an image that breaks it
            return [error]

    def _fail(self, batch: list[Job], reason: str) -> None:
        self._dead = True
        ended = Problem(503, "runtime-failed", "the runtime failed; this process is ending", retry_after=5)
        for job in [*batch, *self._waiting]:
            _settle(job, ended)
        self._waiting.clear()
        self._on_failure(reason)


class _UnwantedError(Exception):
    """Nobody waits any more for what is being computed."""


def _check_wanted(jobs: Sequence[Job]) -> None:
    if all(job.answer.done() for job in jobs):
        raise _UnwantedError


def _give_way() -> None:
    """Lets other threads have the processor first."""
    if sys.platform == "linux":  # elsewhere it would concern the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _settle(job: Job, outcome: Any) -> None:
    if job.answer.done():
        return
    if isinstance(outcome, Exception):
        job.answer.set_exception(outcome)
    else:
        job.answer.set_result(outcome)
