"""Images wait here for the network: bounded, in order, in batches where that pays, dropped when nobody wants them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from east import TextDetector
from east.detections import Detections
from east.errors import ImageError
from east.options import CallChanges
from east.types import Size

from .metrics import Metrics
from .problems import Problem
from .settings import Queue

_FORESEEN = 0.5  # share of the deadline that the wait may be foreseen to take; the rest is for what is not foreseen

logger = logging.getLogger("serving")


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(eq=False)
class Job:
    """One image to find words in.

    Attributes:
        image: encoded.
        size: the network's size for it, which decides whom it may share a batch with.
        changes: what is asked of the detector, likewise.
        finish: makes the answer of the detections and the milliseconds waited, off the event loop.
        deadline: event-loop time after which nobody wants the answer.
        submitted: event-loop time since which it waits.
        answer: what ``finish`` returned; or the exception instead, an `ImageError` or `Problem` as a rule.
    """

    image: bytes
    size: Size
    changes: CallChanges
    finish: Callable[[Detections, float], Any]
    deadline: float
    submitted: float = field(default_factory=_now)
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Scheduler:
    """A bounded queue in front of a detector, and the threads that work it off.

    Args:
        detector: finds the words.
        settings: of the queue.
        metrics: told of each step.
        on_failure: told, once, why the runtime is dead; from then on nothing is taken.
        parallel: detections at a time.
        batch: images of one run of the network.
        seconds_per_image: what a detection takes, as a first guess; then it is measured.
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
        seconds_per_image: float = 0.0,
    ) -> None:
        self._detector = detector
        self._settings = settings
        self._metrics = metrics
        self._on_failure = on_failure
        self._parallel = parallel
        self._batch = batch
        self._waiting: deque[Job] = deque()
        metrics.queue_length.set_function(lambda: len(self._waiting))
        self._arrivals = asyncio.Semaphore(0)
        self._pool = ThreadPoolExecutor(parallel, "detect")
        self._seconds_per_image = seconds_per_image
        self._dead = False
        self._closed = False
        self._workers = [asyncio.create_task(self._work()) for _ in range(parallel)]

    def check_room(self, images: int = 1) -> None:
        """Raises `Problem` when so many images more could not be answered in time."""
        if self._dead:
            raise Problem(503, "runtime-failed", "the runtime failed; this process is ending", retry_after=5)
        ahead = len(self._waiting) / self._parallel * self._seconds_per_image
        own = max(1.0, images / self._parallel) * self._seconds_per_image
        late = ahead + own > _FORESEEN * self._settings.deadline_seconds
        if len(self._waiting) + images > self._settings.requests or (self._waiting and late):
            detail = f"{len(self._waiting)} images are waiting already; try again later"
            raise Problem(503, "queue-full", detail, retry_after=ahead / 2)

    def reload(self, settings: Queue) -> None:
        """Other bounds for what comes from now on."""
        self._settings = settings

    def submit(self, jobs: Sequence[Job]) -> None:
        """Takes all jobs, or raises `Problem` and takes none."""
        self.check_room(len(jobs))
        for job in jobs:
            self._waiting.append(job)
            self._arrivals.release()

    def withdraw(self, jobs: Sequence[Job]) -> None:
        """Nobody waits for these any more; what has not begun will not."""
        for job in jobs:
            job.answer.cancel()
        self._waiting = deque(job for job in self._waiting if not job.answer.done())

    async def close(self) -> None:
        """Stops working; jobs still waiting are cancelled."""
        self._closed = True  # a cancellation gets lost when the detection ends at that very moment
        self.withdraw(list(self._waiting))
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._pool.shutdown(wait=not self._dead)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            batch = await self._next_batch()
            start = loop.time()
            waited = [start - job.submitted for job in batch]
            for seconds in waited:
                self._metrics.queue_seconds.observe(seconds)
            self._metrics.batch_size.observe(len(batch))
            running = loop.run_in_executor(self._pool, self._detect, batch, waited)
            try:
                outcomes = await asyncio.wait_for(running, self._settings.stuck_seconds)
            except asyncio.TimeoutError:
                self._fail(batch, f"the runtime gave no answer in {self._settings.stuck_seconds:g} seconds")
                return
            except Exception as error:  # not even a blank image can be done
                self._fail(batch, f"the runtime failed: {error}")
                return
            took = (loop.time() - start) / len(batch)
            self._seconds_per_image = 0.8 * (self._seconds_per_image or took) + 0.2 * took
            for job, outcome in zip(batch, outcomes, strict=True):
                _settle(job, outcome)

    async def _next_batch(self) -> list[Job]:
        while True:
            await self._arrivals.acquire()
            batch = self._take(1)
            if not batch:
                continue
            if self._batch > 1:
                batch += self._take(self._batch - 1, like=batch[0])
                if len(batch) < self._batch and self._settings.batch_milliseconds:
                    await asyncio.sleep(self._settings.batch_milliseconds / 1e3)
                    batch += self._take(self._batch - len(batch), like=batch[0])
            return batch

    def _take(self, most: int, like: Job | None = None) -> list[Job]:
        """Takes waiting jobs, the oldest first, leaving out those that are too late."""
        taken: list[Job] = []
        left: deque[Job] = deque()
        now = _now()
        for job in self._waiting:
            if job.answer.done() or job.deadline <= now:
                _settle(job, deadline_passed())
            elif len(taken) < most and (like is None or (job.size, job.changes) == (like.size, like.changes)):
                taken.append(job)
            else:
                left.append(job)
        self._waiting = left
        return taken

    def _detect(self, batch: list[Job], waited: list[float]) -> list[Any]:
        """In a thread: for each job its answer, or the exception instead. Raises when the runtime is broken."""
        try:
            found = self._detector.detect_batch([job.image for job in batch], **batch[0].changes)
            return [
                detections if isinstance(detections, ImageError) else job.finish(detections, seconds * 1e3)
                for job, detections, seconds in zip(batch, found, waited, strict=True)
            ]
        except Exception as error:
            logger.exception("detection failed")
            if len(batch) > 1:  # one bad image must not take the others with it
                return [self._detect([job], [seconds])[0] for job, seconds in zip(batch, waited, strict=True)]
            self._detector.warm_up()  # tells a runtime that is broken from an image that breaks it
            return [error]

    def _fail(self, batch: list[Job], reason: str) -> None:
        self._dead = True
        ended = Problem(503, "runtime-failed", "the runtime failed; this process is ending", retry_after=5)
        for job in [*batch, *self._waiting]:
            _settle(job, ended)
        self._waiting.clear()
        self._on_failure(reason)


def deadline_passed() -> Problem:
    """What nobody waits for any more."""
    return Problem(504, "deadline-passed", "there was no answer in time")


def _settle(job: Job, outcome: Any) -> None:
    if job.answer.done():
        return
    if isinstance(outcome, Exception):
        job.answer.set_exception(outcome)
    else:
        job.answer.set_result(outcome)
