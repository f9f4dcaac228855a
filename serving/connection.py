"""uvicorn's HTTP/1.1 connection, with what it lacks: strictness, patience that ends, nothing lost at shutdown."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import OrderedDict
from contextlib import suppress
from enum import IntEnum
from typing import Any
from urllib.parse import unquote
from weakref import WeakKeyDictionary

from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .problems import Refusal
from .strict_h11 import StrictConnection

try:
    import resource
except ImportError:  # Windows has no such limit
    _HAS_FILE_LIMIT = False
else:
    _HAS_FILE_LIMIT = True

_DRAIN_SECONDS = 1.0
_UNANSWERED_MS = 30_000
_OTHER_FILES = 500
_READ_BYTES = 64 * 1024
_CLOSE = (b"connection", b"close")
_AUTHORITY = re.compile(rb"https?://[^/]*", re.IGNORECASE)


def allow_open_files(connections: int) -> None:
    """Raises this process's limit of open files, as far as it may, so that it does not forbid the connections."""
    if not _HAS_FILE_LIMIT:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_refused(connections: int) -> int:
    """How many more connections may be open than are served, because they are told to try again later."""
    return max(1, connections // 2)


class LingeringTransport:
    """A transport that, closed before the peer has sent all of its request, ends only its own half at first.

    A closed socket answers what still arrives with a reset, which makes the peer throw away the answer it was just
    sent. So what still arrives is read, and dropped, for some ``seconds`` more.
    """

    def __init__(self, transport: asyncio.Transport, protocol: PatientProtocol, seconds: float) -> None:
        self._transport = transport
        self._protocol: PatientProtocol | None = protocol
        self._seconds = seconds
        self._last_moment: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def lingering(self) -> bool:
        """Whether what still arrives is dropped."""
        return self._last_moment is not None

    def is_closing(self) -> bool:
        return self.lingering or self._transport.is_closing()

    def close(self) -> None:
        protocol = self._protocol
        can_linger = self._transport.can_write_eof() and not self._transport.is_closing()
        if self.lingering or not can_linger or protocol is None or not protocol.owed_body:
            self._transport.close()
            return
        try:
            self._transport.write_eof()
        except OSError:  # the peer has gone
            self._transport.close()
            return
        self._transport.resume_reading()
        self._last_moment = protocol.loop.call_later(self._seconds, self._transport.close)

    def lost(self) -> None:
        """Waits for nothing any more, and holds no protocol: the connection is gone."""
        self._protocol = None
        if self._last_moment is not None:
            self._last_moment.cancel()


class BoundedFlow(FlowControl):
    """Flow control that reads nothing more while many requests wait for the answer of the first."""

    def __init__(self, transport: asyncio.Transport, connection: StrictConnection) -> None:
        super().__init__(transport)
        self._connection = connection

    def resume_reading(self) -> None:
        if self._connection.buffered < HIGH_WATER_LIMIT:
            super().resume_reading()


class Waited(IntEnum):
    """What a server waits for on a connection; the first is the least loss."""

    FIRST_REQUEST = 0
    NEXT_REQUEST = 1
    BODY = 2


class Connections:
    """The open connections of a server: those it waits on for their client, the longest first, and those it refuses.

    Attributes:
        refused: those that are told to try again later, and then closed; the longest first.
    """

    def __init__(self) -> None:
        self._waiting: dict[Waited, OrderedDict[PatientProtocol, None]] = {kind: OrderedDict() for kind in Waited}
        self.refused: OrderedDict[PatientProtocol, None] = OrderedDict()

    def place(self, connection: PatientProtocol, waited: Waited | None) -> None:
        """Tells what is waited for on a connection; None for nothing."""
        for kind, connections in self._waiting.items():
            if kind is waited and connection not in self.refused:
                connections.setdefault(connection)
            else:
                connections.pop(connection, None)

    def least(self) -> PatientProtocol | None:
        """The one whose loss hurts least, of those that are waited on."""
        waiting = next(filter(None, self._waiting.values()), None)
        return next(iter(waiting)) if waiting else None

    def refuse(self, connection: PatientProtocol) -> None:
        """Serves it no more."""
        self.place(connection, None)
        self.refused[connection] = None

    def forget(self, connection: PatientProtocol) -> None:
        """Tells that it is gone."""
        self.place(connection, None)
        self.refused.pop(connection, None)


_CONNECTIONS: WeakKeyDictionary[ServerState, Connections] = WeakKeyDictionary()


class PatientProtocol(H11Protocol):
    """A connection that is closed when a request's header, or the rest of a refused body, takes too long.

    At shutdown answers say ``Connection: close``. A connection without a request stays open for a moment more, because
    a request may be on its way. A peer that vanished without a word is noticed by the kernel.

    Of too many connections one is refused on which the client lets the server wait, or else the new one. It has a
    moment to send its request and to take the answer that says so: as long as it is not among more than half as many as
    are served. What is refused before any operation sees it goes to the application with a `Refusal`, as
    ``east.refusal`` of its scope.
    """

    conn: StrictConnection

    def __init__(self, header_seconds: float, most_connections: int, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.conn = StrictConnection()
        self._application, self.app = self.app, self._answer
        self._header_seconds = header_seconds
        self._most_connections = most_connections
        self._others = _CONNECTIONS.setdefault(self.server_state, Connections())
        self._refusal: Refusal | None = None
        self._too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._lingering = LingeringTransport(transport, self, self._header_seconds)
        super().connection_made(self._lingering)  # type: ignore[arg-type]
        with suppress(AttributeError):  # not in every event loop
            transport.max_size = _READ_BYTES  # type: ignore[attr-defined] # what others may have to wait for
        self.flow = BoundedFlow(self._lingering, self.conn)  # type: ignore[arg-type]
        if len(self.connections) - len(self._others.refused) > self._most_connections:
            (self._others.least() or self)._refuse()
            if len(self._others.refused) > most_refused(self._most_connections):
                oldest, _ = self._others.refused.popitem(last=False)
                self.connections.discard(oldest)
                oldest.transport.abort()
        self._place()
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNANSWERED_MS)
        self._watch()

    def data_received(self, data: bytes) -> None:
        if self._lingering.lingering:
            return
        super().data_received(data)
        self._watch()

    def handle_events(self) -> None:
        super().handle_events()
        self._place()
        if self.conn.refusal is not None:
            self._end_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._place()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        self._lingering.lost()
        self._others.forget(self)
        super().connection_lost(exc)
        self.app = self._application  # out of no circle, all of this is freed at once

    def shutdown(self) -> None:
        if self.transport.is_closing():
            return
        if _CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers.append(_CLOSE)
        if self._answering:
            self.cycle.default_headers = [*self.cycle.default_headers, _CLOSE]
            super().shutdown()
        else:
            self.loop.call_later(_DRAIN_SECONDS, self._close_if_idle)

    @property
    def owed_body(self) -> bool:
        """Whether the peer has not sent all of its request's body yet."""
        return self.cycle is not None and self.cycle.more_body

    @property
    def _answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _should_upgrade(self) -> bool:
        return False  # without the warning

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Has the application answer a request, and tells it when that is none."""
        cycle = self.cycle

        async def receive_sound() -> Message:
            message = await receive()
            if self.conn.refusal is not None:
                raise self.conn.refusal
            return message

        refusal = self._refusal or self.conn.refusal
        if refusal is not None:
            scope = {**scope, **self.conn.unread, "east.refusal": refusal}
        elif authority := _AUTHORITY.match(scope["raw_path"]):
            path = scope["raw_path"][authority.end() :] or b"/"
            scope = {**scope, "raw_path": path, "path": unquote(path.decode("ascii"))}
        await self._application(scope, receive_sound, send)
        if cycle.response_started and not cycle.response_complete and not cycle.disconnected:
            cycle.disconnected = True  # the peer does not take its answer
            self.transport.abort()

    @property
    def _waited(self) -> Waited | None:
        if self._answering:
            return Waited.BODY if self.cycle.more_body else None
        return Waited.FIRST_REQUEST if self.cycle is None else Waited.NEXT_REQUEST

    def _place(self) -> None:
        self._others.place(self, self._waited)

    def _refuse(self) -> None:
        """Answers what is asked here, or is being asked, by saying that there are too many."""
        self._others.refuse(self)
        refusal = Refusal(503, "too-many-connections", "try again later", retry_after=2)
        match self._waited:
            case Waited.FIRST_REQUEST:
                self._refusal = refusal
            case Waited.NEXT_REQUEST:
                self.transport.close()
            case _:
                self.conn.refusal = refusal
                self._end_request()

    def _end_request(self) -> None:
        """Has the application learn that nothing more is read of its request."""
        self.cycle.keep_alive = False
        self.cycle.message_event.set()
        if self.cycle.response_complete:
            self.transport.close()

    def _watch(self) -> None:
        """Starts the clock when the peer owes us bytes; a begun request stops it, further bytes do not restart it."""
        if self._answering:
            self._stop_watching()
        elif self._too_slow is None and not self.transport.is_closing():
            self._too_slow = self.loop.call_later(self._header_seconds, self.transport.close)

    def _stop_watching(self) -> None:
        if self._too_slow is not None:
            self._too_slow.cancel()
            self._too_slow = None

    def _close_if_idle(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()
