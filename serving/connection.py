"""uvicorn's HTTP/1.1 connection, with what it lacks: patience that ends, and no request lost at shutdown."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .problems import Problem

_DRAIN_SECONDS = 1.0
_UNANSWERED_MS = 30_000
_CLOSE = (b"connection", b"close")


async def too_many_connections(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers whatever is asked on a connection over the limit."""
    problem = Problem(503, "too-many-connections", "try again later", retry_after=2, headers={"Connection": "close"})
    await problem.response()(scope, receive, send)


class LingeringTransport:
    """A transport that, closed before the peer has sent all of its request, ends only its own half at first.

    A closed socket answers what still arrives with a reset, which makes the peer throw away the answer it was just
    sent. So what still arrives is read, and dropped, for some ``seconds`` more.
    """

    def __init__(self, transport: asyncio.Transport, protocol: PatientProtocol, seconds: float) -> None:
        self._transport = transport
        self._protocol = protocol
        self._seconds = seconds
        self.lingering = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self.lingering or self._transport.is_closing()

    def close(self) -> None:
        can_linger = self._transport.can_write_eof() and not self._transport.is_closing()
        if self.lingering or not self._protocol.owed_body or not can_linger:
            self._transport.close()
            return
        self.lingering = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self._protocol.loop.call_later(self._seconds, self._transport.close)


class PatientProtocol(H11Protocol):
    """A connection that is closed when a request's header, or the rest of a refused body, takes too long.

    At shutdown answers say ``Connection: close``. A connection without a request stays open for a moment more, because
    a request may be on its way. A peer that vanished without a word is noticed by the kernel.
    """

    def __init__(self, header_seconds: float, most_connections: int, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._header_seconds = header_seconds
        self._most_connections = most_connections
        self._too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._lingering = LingeringTransport(transport, self, self._header_seconds)
        super().connection_made(self._lingering)  # type: ignore[arg-type]
        if len(self.connections) > self._most_connections:
            self.app = too_many_connections
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

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

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
