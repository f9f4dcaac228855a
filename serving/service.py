"""The detector behind the service: loaded off the event loop, ready, at work, and dead if it ever comes to that."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, NoReturn, TypeAlias, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from east import TextDetector
from east.detections import Detections
from east.errors import EastError, ImageError
from east.images.header import read_header
from east.images.sizing import network_size
from east.options import CallChanges, DetectorOptions
from east.types import Size

from .context import RequestContext
from .metrics import Metrics
from .problems import Problem
from .scheduling import Job, Scheduler, deadline_passed
from .settings import Settings

logger = logging.getLogger("serving")

Result = TypeVar("Result")
Hold: TypeAlias = Callable[[int], None]


def _raise(index: int, error: ImageError) -> NoReturn:
    raise error


class Service:
    """Takes images and gives answers.

    Args:
        settings: what the operator has set.
        metrics: told of each step.
        on_failure: called when the service cannot go on.
        detector: loaded by the settings when not given.

    Attributes:
        failure: why the service cannot go on; None while it can.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, on_failure: Callable[[], None], detector: TextDetector | None
    ) -> None:
        self.settings = settings
        self.detector = detector
        self._owns_detector = detector is None
        self.failure: str | None = None
        self._metrics = metrics
        self._on_failure = on_failure
        self._scheduler: Scheduler | None = None
        self._held = 0
        metrics.held_bytes.set_function(lambda: self._held)
        metrics.ready.set_function(lambda: self._scheduler is not None and self.failure is None)

    @classmethod
    def of(cls, request: Request) -> Service:
        """The service that a request came to."""
        service: Service = request.app.state.service
        return service

    def start(self) -> None:
        """Loads and warms up in a thread of its own, so that the service is alive, and can be stopped, meanwhile."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._load, args=[loop], name="load", daemon=True).start()

    async def stop(self) -> None:
        """Ends the work; nothing is answered any more."""
        if self._scheduler is not None:
            await self._scheduler.close()
        if self._owns_detector and self.detector is not None and self.failure is None:
            self.detector.close()

    def check_ready(self) -> None:
        """Raises `Problem` unless images can be answered now."""
        if self._scheduler is None or self.failure is not None:
            raise Problem(503, "not-ready", "the detector is not ready", retry_after=5)

    async def detect(
        self,
        request: Request,
        read: Callable[[Hold], Awaitable[Sequence[bytes]]],
        changes: Callable[[], CallChanges],
        finish: Callable[[Detections, float], Result],
        refuse: Callable[[int, ImageError], Result] = _raise,
    ) -> list[Result]:
        """Takes a request all its way: room in the queue, its body, the size of each image, detection.

        Args:
            request: nothing of its body has been read.
            read: reads it, and returns the encoded images; tells the function it is given every number of bytes before
                it keeps them.
            changes: what is asked of the detector, known once the body has been read.
            finish: makes the result of an image of its detections and the milliseconds it waited, off the event loop.
            refuse: makes the result of an image that cannot be used, given its index and what is wrong; or raises.

        Returns:
            one result for each image, in order.

        Raises:
            Problem: the detector is not ready, there is no room, the deadline has passed, or the runtime has failed.
            ClientDisconnect: nobody listens any more.
        """
        context = RequestContext.of(request)
        detector, scheduler = self.detector, self._scheduler
        if detector is None or scheduler is None:
            raise Problem(503, "not-ready", "the detector is being loaded", retry_after=5)
        scheduler.check_room()

        def count(found: Detections, waited_ms: float) -> tuple[Result, int]:
            self._metrics.detected(found.timings, len(found))
            return finish(found, waited_ms), len(found)

        with self._holding() as hold:
            images = await read(hold)
            context.images = len(images)
            asked = changes()
            if "max_side" in asked:
                asked["max_side"] = min(asked["max_side"], detector.options.max_side)
            options = detector.options.changed(**asked)
            deadline = asyncio.get_running_loop().time() + self.settings.queue.deadline_seconds - context.seconds
            results: dict[int, Result] = {}
            jobs: dict[int, Job] = {}
            for index, image in enumerate(images):
                try:
                    size = await self._network_size(image, options)
                except ImageError as error:
                    results[index] = refuse(index, error)
                else:
                    jobs[index] = Job(image, size, asked, count, deadline)
            answers = await _answers(scheduler, request, list(jobs.values())) if jobs else []
        for index, answer in zip(jobs, answers, strict=True):
            if isinstance(answer, ImageError):
                results[index] = refuse(index, answer)
            elif isinstance(answer, BaseException):
                raise answer  # the service's own trouble concerns the whole request
            else:
                results[index], boxes = answer
                context.boxes += boxes
        return [results[index] for index in range(len(images))]

    def response(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Response:
        """An answer, held until it is sent. Raises `Problem` when too much is held."""
        RequestContext.of(request).ending.enter_context(self._holding())(len(body))
        return Response(body, headers=headers)

    @contextmanager
    def _holding(self) -> Iterator[Hold]:
        """Gives a function to call with every size before keeping it; it raises `Problem` when too much is held."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            if self._held + size > self.settings.queue.bytes:
                raise Problem(503, "queue-full", "too many bytes are waiting already; try again later", retry_after=2)
            held += size
            self._held += size

        try:
            yield hold
        finally:
            self._held -= held

    async def _network_size(self, image: bytes, options: DetectorOptions) -> Size:
        """The network's size for an image, told from its header. Raises `ImageError`, for too many pixels too."""
        size = (await asyncio.to_thread(read_header, image, self.settings.limits.pixels)).size
        return options.fixed_size or network_size(size, options.max_side, options.rounding)

    def _load(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if self.detector is None:
                self.detector = TextDetector.from_options(self.settings.detector_options())
            for size in self.settings.warm_up or (None,):
                self.detector.warm_up(size)
            start = time.perf_counter()
            self.detector.warm_up(size)
            seconds = time.perf_counter() - start
        except Exception as error:
            reason = str(error) if isinstance(error, (EastError, ValueError)) else repr(error)
            done = partial(self._fail, f"the detector cannot be loaded: {reason}", error)
        else:
            done = partial(self._open, seconds)
        with suppress(RuntimeError):  # the service was stopped meanwhile
            loop.call_soon_threadsafe(done)

    def _open(self, seconds_per_image: float) -> None:
        assert self.detector is not None  # noqa: S101 -- it was just loaded
        queue = self.settings.queue
        runtime = self.detector.runtime
        # On a CPU, one image is decoded or answered while the network has the cores for another; a network on a GPU,
        # which takes batches, is fed by as many threads as decode without being in each other's way.
        parallel = 2 if runtime.batch == 1 else max(2, min(16, (os.cpu_count() or 1) // 2))
        self._scheduler = Scheduler(
            self.detector,
            queue,
            self._metrics,
            self._fail,
            parallel=queue.parallel or parallel,
            batch=queue.batch or runtime.batch,
            seconds_per_image=seconds_per_image,
        )
        logger.info("ready: %s %s on %s", runtime.name, runtime.precision, runtime.device)

    def _fail(self, reason: str, error: Exception | None = None) -> None:
        self.failure = reason
        logger.critical("%s", reason, exc_info=error if self.settings.debug else None)
        self._on_failure()


async def _answers(scheduler: Scheduler, request: Request, jobs: Sequence[Job]) -> list[Any]:
    """Has the jobs done. Returns for each its answer, or the exception instead."""
    scheduler.submit(jobs)
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
        scheduler.withdraw(jobs)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
