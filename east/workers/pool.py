"""The detector's side of the processes beside it: they are started, lent to streams, told what to do, and ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any, Final, cast
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

from ..compiling import compile_now
from ..errors import ImageError, RuntimeUnavailableError, WorkerError
from ..images.decoding import ImageInput, source_of
from ..images.pdf import PdfPage
from ..images.preparation import PreparedImage
from ..options import DetectorOptions
from ..postprocess import ConfidenceCurve
from . import room
from .channel import receive, send
from .process import Failure, Made, ToFind, ToPrepare
from .room import Room
from .words import Sight, Words

_START: Final = "import sys; sys.path[:] = {}; from east.workers.process import main; main({}, {})"
_LAST_SECONDS: Final = 10
"""Of a process that nobody has work for any more: more than decoding an image takes."""


def travels(image: ImageInput) -> bool:
    """Whether an image is better made ready elsewhere: a file is, what is in memory as pixels is not."""
    if isinstance(image, PdfPage):
        return isinstance(image.document, str)
    if isinstance(image, os.PathLike):
        return isinstance(os.fspath(image), str)
    return isinstance(image, (str, bytes, bytearray, memoryview))


class Workers:
    """Processes that are at one stream's disposal, or at that of all who ask. Thread-safe."""

    def __init__(self, workers: Sequence[_Worker]) -> None:
        self.all = workers
        self._lock = Lock()
        self._idle = list(workers)
        self._urgent: deque[SimpleQueue[_Worker]] = deque()
        self._patient: deque[SimpleQueue[_Worker]] = deque()

    def prepare(
        self, images: Sequence[ImageInput], options: DetectorOptions, keep_image: bool
    ) -> list[PreparedImage | ImageError]:
        """Makes files ready for the network.

        Args:
            images: those of which `travels` says that they are.
            options: what the network's size follows from.
            keep_image: give the upright images back as well.

        Returns:
            one item per image, in order. Their ``resized`` lies in memory that is used again once nobody refers to it.

        Raises:
            WorkerError: the process ended.
        """
        if not images:
            return []
        with self._one(self._patient) as worker:
            return worker.prepare([_bare(image) for image in images], options, keep_image)

    def find_words(
        self, sights: Sequence[Sight], options: DetectorOptions, curve: ConfidenceCurve | None
    ) -> list[Words | ImageError]:
        """`east.workers.find_words` of several images. Raises `WorkerError` when the process ended."""
        if not sights:
            return []
        with self._one(self._urgent) as worker:
            return cast("list[Words | ImageError]", worker.ask(ToFind(sights, options, curve)))

    @contextmanager
    def _one(self, waiting: deque[SimpleQueue[_Worker]]) -> Iterator[_Worker]:
        """A process for the caller alone. Who is urgent comes first, as what is half done takes memory."""
        ticket: SimpleQueue[_Worker] = SimpleQueue()
        with self._lock:
            if self._idle:
                ticket.put(self._idle.pop())
            else:
                waiting.append(ticket)
        worker = ticket.get()
        try:
            worker.revive()
            yield worker
        finally:
            with self._lock:
                queue = self._urgent or self._patient
                if queue:
                    queue.popleft().put(worker)
                else:
                    self._idle.append(worker)


class WorkerShelf:
    """Where processes wait for the next stream."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle: list[_Worker] = []
        self._common: dict[int, Workers] = {}
        self._closed = False

    def common(self, count: int) -> Workers:
        """So many processes, for all who ask for as many, until the shelf is closed.

        One that has ended is started anew when it is needed. Raises as `lend`.
        """
        _check_available()
        with self._lock:
            if count not in self._common:
                self._common[count] = Workers([_Worker() for _ in range(count)])
            return self._common[count]

    @contextmanager
    def lend(self, count: int) -> Iterator[Workers]:
        """So many processes, for one stream; those that are missing are started.

        Raises:
            RuntimeUnavailableError: this system has not what they need.
            WorkerError: they cannot be started.
        """
        _check_available()
        with self._lock:
            alive = [worker for worker in self._idle if worker.alive]
            workers, self._idle = alive[:count], alive[count:]
        try:
            while len(workers) < count:
                workers.append(_Worker())
            yield Workers(workers)
        finally:
            with self._lock:
                sound = [] if self._closed else [worker for worker in workers if worker.sound]
                self._idle += sound
            _close([worker for worker in workers if worker not in sound])

    def close(self) -> None:
        """Ends those that wait; those of streams that are still open end with these."""
        with self._lock:
            self._closed = True
            workers = [*self._idle, *(worker for common in self._common.values() for worker in common.all)]
            self._idle, self._common = [], {}
        _close(workers)


class _Worker:
    """One process. It is asked one thing at a time."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        compile_now()  # so that it finds it compiled
        self._connection, theirs = socket.socketpair()
        self._desk = Room()
        path = [str(Path(__file__).parents[2]), *sys.path]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-c", _START.format(path, theirs.fileno(), self._desk.descriptor)],
                    pass_fds=[theirs.fileno(), self._desk.descriptor],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                    start_new_session=True,  # what interrupts the detector's process must not end this before it
                )
            except OSError as error:
                self._connection.close()
                raise WorkerError(f"a process beside the detector's cannot be started: {error}") from error
        self._rooms: list[Room] = []
        self._free: deque[int] = deque()  # the numbers of those that nobody uses
        self.end = finalize(self, _end, self._connection, self._process, os.getpid())
        self.sound = True

    def ask(self, job: ToPrepare | ToFind, descriptors: Sequence[int] = ()) -> list[Any]:
        """Has a job done. Raises `WorkerError` when the process ended, or failed."""
        try:
            send(self._connection, job, self._desk, descriptors)
            answer, _ = receive(self._connection)
        except (EOFError, OSError) as error:
            self.sound = False
            raise WorkerError(f"a process beside the detector's {self._fate()}{_over(job)}") from error
        if isinstance(answer, Failure):
            raise WorkerError(f"a process beside the detector's failed{_over(job)}: {answer.what}")
        return cast("list[Any]", answer)

    def prepare(
        self, images: Sequence[ImageInput], options: DetectorOptions, keep_image: bool
    ) -> list[PreparedImage | ImageError]:
        """See `Workers.prepare`."""
        new = not self._free
        if new:
            self._rooms.append(Room())
        number = len(self._rooms) - 1 if new else self._free.popleft()
        there = self._rooms[number]
        folder = None
        with suppress(OSError):
            folder = os.getcwd()  # noqa: PTH109
        job = ToPrepare(number, images, options, folder, keep_image)
        answers: list[Made | ImageError] = self.ask(job, [there.descriptor] if new else [])
        end = max([one.end for one in answers if isinstance(one, Made)], default=0)
        if not end:  # not one of them is an image
            self._free.append(number)
            return [one for one in answers if isinstance(one, ImageError)]
        memory = there.array(end)
        finalize(memory, self._free.append, number).atexit = False
        return [one if isinstance(one, ImageError) else _prepared(one, memory) for one in answers]

    def revive(self) -> None:
        """Starts it anew if it has ended. Raises `WorkerError` when it cannot be started."""
        if not self.sound:
            self.end()
            self._start()

    @property
    def alive(self) -> bool:
        """Whether it is there, as far as that is known without asking it."""
        return self._process.poll() is None

    def hang_up(self) -> None:
        """Tells it that there is no more to do; `end` waits until it has gone."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _fate(self) -> str:
        """What became of it, in words."""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "does not answer any more"
        if status >= 0:
            return f"ended with status {status}; its own words are above"
        with suppress(ValueError):
            return f"was killed ({signal.Signals(-status).name})"
        return f"was killed (signal {-status})"


def _check_available() -> None:
    if not room.AVAILABLE:
        raise RuntimeUnavailableError(f"processes beside the detector's need Linux, not {sys.platform}: leave them")


def _over(job: ToPrepare | ToFind) -> str:
    """Which files a process may have failed over, as far as that is known."""
    names = list(filter(None, map(source_of, job.images))) if isinstance(job, ToPrepare) else []
    return f" over one of {', '.join(names)}" if names else ""


def _prepared(made: Made, memory: NDArray[np.uint8]) -> PreparedImage:
    upright = None if made.upright is None else made.upright.of(memory).copy()
    return PreparedImage(made.resized.of(memory), made.size, made.timings, upright, made.source)


def _bare(image: ImageInput) -> ImageInput:
    """An image as it can be sent."""
    if isinstance(image, os.PathLike):
        return os.fspath(image)
    return bytes(image) if isinstance(image, (bytearray, memoryview)) else image


def _close(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.hang_up()
    for worker in workers:
        worker.end()


def _end(connection: socket.socket, process: subprocess.Popen[bytes], owner: int) -> None:
    """Ends a process: it goes when nobody is there any more."""
    connection.close()
    if os.getpid() != owner:  # a fork of the process that it belongs to
        return
    try:
        process.wait(_LAST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
