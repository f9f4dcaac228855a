"""The detector behind the service: loaded off the event loop, ready, at work, and dead if it ever comes to that."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request

from east import TextDetector
from east.detections import Detections
from east.errors import EastError, ImageDecodeError, ImageError, ImageTooLargeError, TooManyBoxesError
from east.images.decoding import header_size
from east.images.sizing import network_size
from east.runtimes.base import Runtime
from east.types import Size, Thresholds

from .exchange import Exchange
from .metrics import Metrics
from .problems import Problem
from .scheduling import Job, Scheduler, deadline_passed
from .settings import Settings, shape

logger = logging.getLogger("serving")


@dataclass(frozen=True)
class Failure:
    """Why the service cannot go on, and whether it ever was ready."""

    reason: str
    was_ready: bool


class Service:
    """Takes images and gives answers.

    on_failure: called when the service cannot go on; `failure` tells why.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, on_failure: Callable[[], None], detector: TextDetector | None
    ) -> None:
        self.settings = settings
        self.detector = detector
        self._owns_detector = detector is None
        self.failure: Failure | None = None
        self._metrics = metrics
        self._on_failure = on_failure
        self._scheduler: Scheduler | None = None
        self._held = 0
        self._input_size = None if settings.input_size is None else shape(settings.input_size)

    def start(self) -> None:
        """Loads and warms up in a thread of its own, so that the service is alive, and can be stopped, meanwhile."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._load, args=[loop], name="load", daemon=True).start()

    async def stop(self) -> None:
        """Ends the work; nothing is answered any more."""
        self._metrics.ready.set(0)
        if self._scheduler is not None:
            await self._scheduler.close()
        if self._owns_detector and self.detector is not None and self.failure is None:
            self.detector.close()

    @property
    def ready(self) -> bool:
        return self._scheduler is not None and self.failure is None

    @property
    def scheduler(self) -> Scheduler:
        """Raises `Problem` as long as the detector is not ready."""
        if self._scheduler is None:
            raise Problem(503, "not-ready", "the detector is being loaded", retry_after=5)
        return self._scheduler

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Gives a function to call with every size before keeping it; it raises `Problem` when too much is held."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._held + size > self.settings.queue.bytes:
                raise Problem(503, "queue-full", "too many bytes are waiting already; try again later", retry_after=2)
            held += size
            self._held += size
            self._metrics.held_bytes.set(self._held)

        try:
            yield hold
        finally:
            self._held -= held
            self._metrics.held_bytes.set(self._held)

    def hold_answer(self, exchange: Exchange, answer: bytes) -> None:
        """Counts an answer as held until it is sent. Raises `Problem` when too much is held."""
        exchange.ending.enter_context(self.holding())(len(answer))

    async def inspect(self, image: bytes) -> Size:
        """The size of an image, from its header. Raises `ImageError`, for too many pixels too."""
        size = await asyncio.to_thread(header_size, image)
        most = self.settings.limits.pixels
        if size.height * size.width > most:
            raise ImageTooLargeError(f"the image has {size.width}x{size.height} pixels; at most {most} are taken")
        return size

    def job(
        self,
        exchange: Exchange,
        image: bytes,
        size: Size,
        thresholds: Thresholds,
        max_side: int | None,
        finish: Callable[[Detections, float], Any],
    ) -> Job:
        """A job for an image of ``size``, to be answered before the request's deadline."""
        if max_side is not None:
            max_side = min(max_side, self.settings.max_side)
        network = self._input_size or network_size(size, max_side or self.settings.max_side)
        left = self.settings.queue.deadline_seconds - exchange.seconds
        deadline = asyncio.get_running_loop().time() + left
        return Job(image, Size(*network), thresholds, max_side, finish, deadline)

    async def answers(self, request: Request, jobs: Sequence[Job]) -> list[Any]:
        """Has the jobs done. Returns per job its answer, or the exception instead.

        Raises `Problem` when there is no room or the deadline passes, ``ClientDisconnect`` when nobody listens.
        """
        self.scheduler.submit(jobs)
        gone: asyncio.Future[Any] = asyncio.ensure_future(_disconnected(request))
        everything: asyncio.Future[list[Any]] = asyncio.gather(*(job.answer for job in jobs), return_exceptions=True)
        try:
            left = jobs[0].deadline - asyncio.get_running_loop().time()
            await asyncio.wait({gone, everything}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if everything.done():
                return everything.result()
            if gone.done():
                raise ClientDisconnect
            raise deadline_passed()
        finally:
            gone.cancel()
            self.scheduler.withdraw(jobs)

    def _load(self, loop: asyncio.AbstractEventLoop) -> None:
        settings = self.settings
        try:
            if self.detector is None:
                self.detector = TextDetector(
                    settings.weights,
                    settings.runtime,
                    settings.precision,
                    self._input_size,
                    settings.max_side,
                    settings.score_threshold,
                    settings.nms_threshold,
                    settings.box_threshold,
                    settings.threads,
                    max_boxes=settings.limits.boxes,
                )
            for size in map(shape, settings.warm_up) if settings.warm_up else (None,):
                self.detector.warm_up(size)
            start = time.perf_counter()
            self.detector.warm_up(size)
            seconds = time.perf_counter() - start
        except Exception as error:
            reason = str(error) if isinstance(error, (EastError, ValueError)) else repr(error)
            self._tell(loop, self._fail, f"the detector cannot be loaded: {reason}")
        else:
            self._tell(loop, self._open, seconds)

    @staticmethod
    def _tell(loop: asyncio.AbstractEventLoop, what: Callable[..., None], argument: object) -> None:
        with suppress(RuntimeError):  # the service was stopped meanwhile
            loop.call_soon_threadsafe(what, argument)

    def _open(self, seconds_per_image: float) -> None:
        assert self.detector is not None  # noqa: S101 -- it was just loaded
        queue = self.settings.queue
        runtime = self.detector.runtime
        self._scheduler = Scheduler(
            self.detector,
            queue,
            self._metrics,
            self._fail,
            parallel=queue.parallel or _parallel(runtime),
            batch=queue.batch or runtime.batch,
            seconds_per_image=seconds_per_image,
        )
        self._metrics.ready.set(1)
        logger.info("ready: %s %s on %s", runtime.name, runtime.precision, runtime.device)

    def _fail(self, reason: str) -> None:
        self.failure = Failure(reason, self.ready)
        self._metrics.ready.set(0)
        logger.critical("%s", reason)
        self._on_failure()


def _parallel(runtime: Runtime) -> int:
    """Detections at a time: on a CPU, one is decoded or answered while the network has the cores for another; a
    network on a GPU, which takes batches, is fed by as many threads as decode without being in each other's way.
    """
    return 2 if runtime.batch == 1 else max(2, min(16, (os.cpu_count() or 1) // 2))


def problem_of(error: BaseException) -> Problem:
    """What the client is told when an image could not be answered."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ImageTooLargeError):
        return Problem(413, "too-many-pixels", str(error))
    if isinstance(error, TooManyBoxesError):
        return Problem(422, "too-many-boxes", str(error))
    if isinstance(error, ImageDecodeError):
        return Problem(400, "undecodable-image", str(error))
    if isinstance(error, ImageError):
        return Problem(400, "unusable-image", str(error))
    raise error


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
