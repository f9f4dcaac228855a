"""A process that decodes images, started, asked, and put in the place of one that has ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .decoder_memory import DecoderMemory

_START: Final = "import sys; sys.path[:] = {}; from serving.decode_worker import main; main({}, {}, {})"
_START_SECONDS: Final = 120
_PATIENCE: Final = 10.0
"""Seconds to wait for each second of processor time."""

_BUFFER: Final = 4 * 2**20
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class EndedError(Exception):
    """A process that ended in the middle of a job; ``reason`` is time, memory or crash."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DecoderProcess:
    """One process and a socket to talk over; started by its first job, and anew whenever it has ended."""

    def __init__(self, niceness: int = 0) -> None:
        self._niceness = niceness
        self._closed = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it, or raises ``OSError``."""
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        for end, buffer in ((self._channel, socket.SO_RCVBUF), (theirs, socket.SO_SNDBUF)):
            end.setsockopt(socket.SOL_SOCKET, buffer, _BUFFER)  # or as much of it as the system allows
        self._received = b""
        self._greeted = False
        self._memory = DecoderMemory()
        path = [str(Path(__file__).parents[1]), *sys.path]
        with theirs, self._memory.handed_over() as rooms:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path, theirs.fileno(), self._niceness, rooms)],
                pass_fds=[theirs.fileno(), *rooms],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # what stops the service at a terminal must not stop this before it
            )

    async def ready(self) -> None:
        """Waits until it takes jobs. Raises ``OSError`` when it never will."""
        if not self._greeted:
            try:
                await asyncio.wait_for(self._line(), _START_SECONDS)
            except (EOFError, asyncio.TimeoutError):
                raise OSError("a process that decodes images cannot be started; its own words are above") from None
            self._greeted = True

    async def ask(
        self, job: dict[str, Any], data: bytes, more: bytes, hold: Callable[[int], None], size: int = 0
    ) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """Has a job done.

        Args:
            job: what to do.
            data: the image.
            more: what belongs to it.
            hold: told the size of the result before it is kept; it raises when that is not wanted.
            size: of the result, where that is known.

        Returns:
            the answer, and the result, uint8.

        Raises:
            EndedError: that ended the process.
        """
        if self._process is None or self._process.poll() is not None:  # nobody's fault, or the system's
            await self._replace()
        try:
            if self._closed:
                raise EOFError
            await self.ready()
            room = self._memory.take(size)
            for part in (json.dumps(job | {"room": room}).encode() + b"\n", data, more):
                await asyncio.get_running_loop().sock_sendall(self._channel, part)
            # Processor time is bounded by the process itself; this is for one that uses none.
            answer: dict[str, Any] = json.loads(await asyncio.wait_for(self._line(), _PATIENCE * job["cpu_seconds"]))
            length = int(answer.get("bytes", 0))
            hold = hold if "error" not in answer else _check_none
            if room is None:
                return answer, await self._result(length, hold)
            result = self._memory.array(room, length)
            hold(length)
            return answer, result
        except asyncio.TimeoutError:
            await self._replace()
            raise EndedError("time") from None
        except (EOFError, OSError):
            status = await self._replace()
            raise EndedError({-signal.SIGPROF: "time", -signal.SIGKILL: "memory"}.get(status, "crash")) from None

    def give_up(self, task: asyncio.Task[Any]) -> None:
        """Ends the process if it is still at this task."""
        if not task.done() and self._process is not None:
            self._process.kill()

    def kill(self) -> None:
        """Ends the process, and no other takes its place."""
        self._closed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Lets go of everything, once nobody uses it any more."""
        if self._process is not None:
            self._channel.close()

    @property
    def pid(self) -> int:
        """Its id; 0 before it is started."""
        return 0 if self._process is None else self._process.pid

    @property
    def resident(self) -> int:
        """Bytes of memory that it has."""
        if self._process is None:
            return 0
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE
        except OSError:  # it has just ended, or this is no Linux
            return 0

    async def _replace(self) -> int:
        """Ends what is left of the process and starts another. Returns the status that it ended with by itself."""
        status = 0
        if (process := self._process) is not None:
            with suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(process.wait, 1)
            process.kill()
            status = await asyncio.to_thread(process.wait)
            self._channel.close()
        if not self._closed:
            self.start()
        return status

    async def _result(self, size: int, hold: Callable[[int], None]) -> NDArray[np.uint8]:
        try:
            hold(size)
            result = np.empty(size, np.uint8)
        except BaseException:
            await self._receive(np.empty(0, np.uint8), size)  # the next answer comes after it
            raise
        await self._receive(result, size)
        return result

    async def _receive(self, into: NDArray[np.uint8], size: int) -> None:
        """Receives ``size`` bytes, of which as many are kept as there is room for."""
        loop = asyncio.get_running_loop()
        first, self._received = self._received[:size], self._received[size:]
        into[: len(first)] = np.frombuffer(first, np.uint8)[: len(into)]
        position, waste = len(first), bytearray(65536)
        while position < size:
            room = into.data[position:] if position < len(into) else memoryview(waste)[: size - position]
            received = await loop.sock_recv_into(self._channel, room)
            if not received:
                raise EOFError
            position += received

    async def _line(self) -> bytes:
        loop = asyncio.get_running_loop()
        while b"\n" not in self._received:
            received = await loop.sock_recv(self._channel, 65536)
            if not received:
                raise EOFError
            self._received += received
        line, _, self._received = self._received.partition(b"\n")
        return line


def _check_none(size: int) -> None:
    check(size == 0)


def check(sound: bool) -> None:
    """Raises ``ValueError`` unless an answer is sound."""
    if not sound:
        raise ValueError("a decoder gave what was not asked for")
