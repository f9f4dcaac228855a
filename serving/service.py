"""The detector behind the service: loaded off the event loop, ready, at work, and dead if it ever comes to that."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeAlias, TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response

from east import TextDetector
from east.cores import usable_cores
from east.detections import Detections
from east.errors import EastError, ImageError
from east.images.header import read_header
from east.images.tiling import network_size_of
from east.options import MAX_SIDE, CallChanges, DetectorOptions, ReadingOptions
from east.reading import Recogniser
from east.types import Size

from . import tracing
from .context import RequestContext
from .decoders import Decoders, Encoded
from .loading import Loaded, load, shown_pixels
from .metrics import Metrics
from .problems import EmptyImageError, Problem, TooManyWordsError
from .reading import Places, Reader, as_wished
from .room import Room
from .scheduling import Job, Scheduler
from .settings import Settings
from .waiting import wait_for_all

logger = logging.getLogger("serving")

_LONGEST_JPEG = 65_500  # by libjpeg

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
        recogniser: likewise.
        cores: of the processor, that it has; as many as it may use when not given.

    Attributes:
        reader: reads words; None where nothing does.
        failure: why the service cannot go on; None while it can.
        stopping: whether the process has been told to stop.
        loaded: called in a thread when all is loaded and warm, before the first image is taken.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        on_failure: Callable[[], None],
        detector: TextDetector | None,
        recogniser: Recogniser | None = None,
        cores: int | None = None,
    ) -> None:
        self.settings = settings
        self._cores = cores or usable_cores()
        self.detector = detector
        self.reader = None if recogniser is None else self._reader(recogniser)
        self._owns_detector = detector is None
        self.failure: str | None = None
        self.stopping: Callable[[], bool] = lambda: False
        self.loaded: Callable[[], None] = lambda: None
        self._metrics = metrics
        self._on_failure = on_failure
        self._starting: asyncio.Task[None] | None = None
        self._decoders: Decoders | None = None
        self._scheduler: Scheduler | None = None
        self._inspecting = asyncio.Semaphore(2)  # more at a time would only contend for the interpreter
        self._room = Room(lambda: self.settings.queue.bytes)
        metrics.reads_waiting.set_function(lambda: 0 if self.reader is None else self.reader.admitted)
        metrics.held_bytes.set_function(lambda: self._room.held)
        metrics.ready.set_function(lambda: self._scheduler is not None and self.failure is None)

    @classmethod
    def of(cls, request: Request) -> Service:
        """The service that a request came to."""
        service: Service = request.app.state.service
        return service

    def start(self) -> None:
        """Loads and warms up aside, so that the service is alive, and can be stopped, meanwhile."""
        self._starting = asyncio.create_task(self._start())

    async def started(self) -> None:
        """Waits until images can be answered, or never will be: `failure` tells which."""
        if self._starting is not None:
            await asyncio.shield(self._starting)

    async def stop(self) -> None:
        """Ends the work; nothing is answered any more."""
        if self._starting is not None:
            self._starting.cancel()
        if self._scheduler is not None:
            await self._scheduler.close()
        if self._decoders is not None:
            await self._decoders.close()
        if self.reader is not None:
            await asyncio.to_thread(self.reader.close)
        if self._owns_detector and self.detector is not None and self.failure is None:
            self.detector.close()

    def check_ready(self) -> None:
        """Raises `Problem` unless images can be answered now."""
        if self._scheduler is None or self.failure is not None:
            raise Problem(503, "not-ready", "the detector is not ready", retry_after=5)
        if self.stopping():
            raise Problem(503, "shutting-down", "this server was told to stop", retry_after=5)

    @property
    def model(self) -> dict[str, str]:
        """What detects, once it is ready: weights, runtime and precision."""
        assert self.detector is not None  # noqa: S101  it is ready
        runtime = self.detector.runtime
        return {"weights": self.detector.weights, "runtime": runtime.name, "precision": str(runtime.precision)}

    @property
    def recogniser(self) -> str | None:
        """What reads; None where nothing does."""
        return None if self.reader is None else self.reader.name

    def reload(self, settings: Settings) -> None:
        """Goes on with other settings: those that are read whenever they are used."""
        self.settings = settings
        if self._scheduler is not None:
            self._scheduler.reload(settings.queue)

    async def detect(
        self,
        request: Request,
        read: Callable[[Hold], Awaitable[Sequence[bytes]]],
        changes: Callable[[], CallChanges],
        finish: Callable[[Detections, float], Result],
        refuse: Callable[[int, ImageError], Result] = _raise,
    ) -> list[Result]:
        """Takes a request all its way: room in the queue, its body, the size of each image, decoding, detection.

        Args:
            request: nothing of its body has been read.
            read: reads it, and returns the encoded images; tells the function it is given every number of bytes before
                it keeps them.
            changes: what is asked of the detector, known once the body has been read.
            finish: makes the result of an image of its detections and the milliseconds it waited, off the event loop.
                The detections are without their image.
            refuse: makes the result of an image that cannot be used, given its index and what is wrong; or raises.

        Returns:
            one result for each image, in order.

        Raises:
            Problem: the detector is not ready, there is no room, the deadline has passed, or the runtime has failed.
            ClientDisconnect: nobody listens any more.
        """
        return await self._detect(request, read, changes, finish, refuse)

    async def draw(
        self,
        request: Request,
        read: Callable[[Hold], Awaitable[Sequence[bytes]]],
        changes: Callable[[], CallChanges],
        form: str,
    ) -> bytes:
        """Likewise for one image; the result is that image as a ``png`` or ``jpeg`` file with the words outlined."""
        [drawn] = await self._detect(request, read, changes, lambda found, waited_ms: found.quads, _raise, form)
        return cast(bytes, drawn)

    async def read(
        self,
        request: Request,
        read: Callable[[Hold], Awaitable[Sequence[bytes]]],
        changes: Callable[[], CallChanges],
        text_threshold: float | None,
        finish: Callable[[Detections, float, float], Result],
        refuse: Callable[[int, ImageError], Result] = _raise,
    ) -> list[Result]:
        """As `detect`, and reads the words of each image; one with more words than are read cannot be used.

        Doubtful words are looked for, too; the ``changes`` are known at once here, and a ``text_threshold`` that is not
        given is the settings'. ``finish`` is given the milliseconds that reading took besides. Raises `Problem` too
        where nothing reads, and where too many images are waiting to be read.
        """
        reader = self.reader
        if reader is None:
            self.check_ready()
            detail = "this service reads nothing: whoever runs it has to start it with --recogniser rapidocr"
            raise Problem(404, "no-recogniser", detail)

        context = RequestContext.of(request)
        own = self.settings.detector_options() if self.detector is None else self.detector.options
        how, asked = as_wished(self.settings.reading_options(), text_threshold, own, changes())

        with reader.admission() as places:

            async def admitted(hold: Hold) -> Sequence[bytes]:
                images = await read(hold)
                places.take(len(images))
                return images

            async def read_words(
                found: Detections, waited_ms: float, image: Encoded, hold: Hold, deadline: float
            ) -> Result:
                with places.leaving():
                    texts, read_ms = await self._texts(reader, how, places, context, found, image, hold, deadline)
                return await asyncio.to_thread(finish, texts, waited_ms, read_ms)

            return await self._detect(request, admitted, lambda: asked, _waited, refuse, then=read_words)

    async def _texts(
        self,
        reader: Reader,
        how: ReadingOptions,
        places: Places,
        context: RequestContext,
        found: Detections,
        image: Encoded,
        hold: Hold,
        deadline: float,
    ) -> tuple[Detections, float]:
        """What was read surely enough, and the milliseconds that it took, its wait included."""
        if len(found) > (most := self.settings.limits.words):
            detail = f"{len(found)} words were found, and no more than {most} of an image are read: send parts of it"
            raise TooManyWordsError(detail)
        asked = time.perf_counter()
        texts: list[tuple[str, float]] = []
        if found.boxes:
            assert self._decoders is not None  # noqa: S101  it is ready
            async with places.turn() as turn:
                crops = await self._decoders.cut_out(image, found.quads, how.padding, hold, deadline)
                texts, start, end = await reader.read(crops, turn, deadline)
                hold(-sum(crop.nbytes for crop in crops))
            self._metrics.read(end - start)
            tracing.reading(context.span, context.epoch, asked, start, end, len(texts))
        return found.with_texts(texts, how.least_confidence), (time.perf_counter() - asked) * 1e3

    async def _detect(
        self,
        request: Request,
        read: Callable[[Hold], Awaitable[Sequence[bytes]]],
        changes: Callable[[], CallChanges],
        finish: Callable[[Detections, float], Any],
        refuse: Callable[[int, ImageError], Any],
        draw: str | None = None,
        then: Callable[[Detections, Any, Encoded, Hold, float], Awaitable[Any]] | None = None,
    ) -> list[Any]:
        context = RequestContext.of(request)
        detector, scheduler, decoders = self.detector, self._scheduler, self._decoders
        if detector is None or scheduler is None or decoders is None:
            raise Problem(503, "not-ready", "the detector is being loaded", retry_after=5)
        scheduler.check_room()

        def count(found: Detections, waited_ms: float) -> tuple[Any, Detections, float]:
            end = time.perf_counter()
            self._metrics.detected(found.timings, len(found))
            return finish(found, waited_ms), found, end

        with self._room.holding(context) as hold:
            hold.waits_for_client = True
            images = await read(hold)
            hold.waits_for_client = False
            context.images = len(images)
            asked = changes()
            options = _bounded(asked, detector.options)
            deadline = asyncio.get_running_loop().time() + self.settings.queue.deadline_seconds - context.seconds
            results: dict[int, Any] = {}
            encoded: dict[int, Encoded] = {}
            for index, image in enumerate(images):
                try:
                    async with self._inspecting:
                        encoded[index] = await asyncio.to_thread(self._inspect, image, draw)
                except ImageError as error:
                    results[index] = refuse(index, error)
            sizes = {index: network_size_of(one.header.size, options) for index, one in encoded.items()}
            jobs = {
                index: Job(size, shown_pixels(size, options), asked, count, deadline, number)
                for number, (index, size) in enumerate(sizes.items())
            }
            hold(sum(_bytes(job.size, options) for job in jobs.values()))
            scheduler.submit(list(jobs.values()))

            async def answer(image: Encoded, job: Job) -> tuple[Any, int]:
                try:
                    asked = time.perf_counter()
                    prepared = await decoders.prepare(image, job.size, deadline)
                    scheduler.decoded(job, prepared)
                    decoded = time.perf_counter()
                    tracing.preparation(context.span, context.epoch, asked, prepared.timings, decoded)
                    del prepared  # its memory is for others as soon as the network has seen it
                    result, found, end = await job.answer
                    tracing.detection(context.span, context.epoch, decoded, found.timings, end)
                finally:
                    scheduler.withdraw([job])
                if then is not None:
                    return await then(found, result, image, hold, deadline), len(found)
                return (await decoders.draw(image, result, draw, hold, deadline) if draw else result), len(found)

            answers = await wait_for_all(
                request, deadline, [answer(encoded[index], job) for index, job in jobs.items()]
            )
        for index, answered in zip(jobs, answers, strict=True):
            if isinstance(answered, ImageError):
                results[index] = refuse(index, answered)
            elif isinstance(answered, BaseException):
                raise answered  # the service's own trouble concerns the whole request
            else:
                results[index], boxes = answered
                context.boxes += boxes
        return [results[index] for index in range(len(images))]

    def response(self, request: Request, body: bytes, headers: Mapping[str, str]) -> Response:
        """An answer, held until it is sent. Raises `Problem` when too much is held."""
        self.hold_answer(request)(len(body))
        return Response(body, headers=headers)

    def hold_answer(self, request: Request) -> Hold:
        """Gives a function to call with the size of an answer, best before it is made; it is held until it is sent."""
        context = RequestContext.of(request)
        holding = context.ending.enter_context(self._room.holding(context))
        holding.waits_for_client = True
        return holding

    def _inspect(self, image: bytes, draw: str | None) -> Encoded:
        """In a thread: what an image says of itself. Raises `ImageError`, or `Problem` if it cannot be drawn so."""
        if not image:
            raise EmptyImageError("the image has no bytes")
        header = read_header(image, self.settings.limits.pixels)
        if draw == "jpeg" and max(header.size) > _LONGEST_JPEG:
            detail = f"no JPEG has a side of over {_LONGEST_JPEG:,} pixels: ask for image/png"
            raise Problem(422, "too-long-for-jpeg", detail)
        return Encoded(image, header)

    async def _start(self) -> None:
        parallel = min(16, max(2, self._cores // 2))
        self._decoders = Decoders(self._metrics, max_pixels=self.settings.limits.pixels, parallel=parallel)
        recogniser = None if self.reader is None else self.reader.recogniser
        loading = asyncio.ensure_future(load(self.settings, self._cores, self.detector, recogniser, self.loaded))
        try:
            await self._decoders.start()
            self._open(parallel, await loading)
        except Exception as error:
            reason = str(error) if isinstance(error, (EastError, ValueError, OSError)) else repr(error)
            self._fail(f"the detector cannot be loaded: {reason}", error)
        finally:
            loading.cancel()

    def _reader(self, recogniser: Recogniser) -> Reader:
        name = getattr(recogniser, "name", getattr(recogniser, "__name__", type(recogniser).__name__))
        return Reader(recogniser, str(name), lambda: self.settings.queue)

    def _open(self, parallel: int, loaded: Loaded) -> None:
        self.detector = detector = loaded.detector
        if self.reader is None and loaded.recogniser is not None:
            self.reader = self._reader(loaded.recogniser)
        self._metrics.loaded(detector)
        queue, runtime = self.settings.queue, detector.runtime
        # On a CPU, one image is answered while the network has the cores for another.
        parallel = 2 if runtime.batch == 1 else parallel
        runtime.shared = True
        self._scheduler = Scheduler(
            detector,
            queue,
            self._metrics,
            self._fail,
            parallel=queue.parallel or parallel,
            batch=queue.batch or runtime.batch,
            processes=loaded.processes,
            measured=(loaded.shown, loaded.seconds),
        )
        read_by = f", read by {self.reader.name}" if self.reader is not None else ""
        logger.info("ready: %s %s on %s%s", runtime.name, runtime.precision, runtime.device, read_by)

    def _fail(self, reason: str, error: Exception | None = None) -> None:
        self.failure = reason
        logger.critical("%s", reason, exc_info=error if self.settings.debug else None)
        self._on_failure()


def _waited(found: Detections, waited_ms: float) -> float:
    return waited_ms


def _bytes(size: Size, options: DetectorOptions) -> int:
    """The bytes of an image of a network size, and of a turned copy if the network is shown any."""
    return 3 * size.height * size.width * (2 if options.orientations == "all" else 1)


def _bounded(asked: CallChanges, own: DetectorOptions) -> DetectorOptions:
    """The options of a call. Nobody gets larger images or tiles than the service is set up for."""
    if "max_side" in asked:
        asked["max_side"] = min(asked["max_side"], own.max_side or MAX_SIDE)
    tiling = asked.get("tiling")
    if own.tiling == "off" and tiling is not None:
        asked["tiling"] = "off"
    elif isinstance(tiling, int):
        asked["tiling"] = min(tiling, MAX_SIDE if isinstance(own.tiling, str) else own.tiling)
    try:
        return own.changed(**asked)
    except ValueError as error:  # of options that do not go together
        raise Problem(422, "invalid-parameters", str(error)) from None
