"""What is known of a request while it is answered, and what follows from it: its log line, metrics and headers."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from opentelemetry.trace import INVALID_SPAN, Span
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import tracing
from .metrics import Metrics
from .problems import Problem, Refusal, shown

logger = logging.getLogger("serving")
access = logging.getLogger("serving.access")

SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

PROBES = {"/healthz", "/readyz", "/metrics"}
"""What machines ask all the time, and nobody wants to read of."""

_PIECE = 64 * 1024
_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


@dataclass
class RequestContext:
    """One request and its answer.

    Attributes:
        id: the client's ``X-Request-ID``, or a new one.
        caller: name of the key it came with.
        problem: why it was refused.
        received, sent: bytes of the two bodies.
        status: of the answer, 0 while there is none.
        images, boxes: how many went in and were found.
        span: the one of OpenTelemetry, for `tracing.stage`.
        epoch: of its steps, likewise.
        ending: closed when the answer is sent, or never will be.
        task: what answers.
        ended: why it was made to end.
    """

    id: str
    started: float = field(default_factory=time.perf_counter)
    caller: str | None = None
    problem: Problem | None = None
    client_gone: bool = False
    received: int = 0
    sent: int = 0
    status: int = 0
    images: int = 0
    boxes: int = 0
    span: Span = INVALID_SPAN
    epoch: int = field(default_factory=tracing.epoch)
    ending: ExitStack = field(default_factory=ExitStack)
    task: asyncio.Task[Any] | None = None
    ended: Problem | None = None

    @classmethod
    def of(cls, request: Request) -> RequestContext:
        """The context of a request."""
        context: RequestContext = request.scope["east.context"]
        return context

    def end(self, problem: Problem) -> None:
        """Answers with this, or breaks the answer off, whatever the request is at."""
        if self.task is not None and self.ended is None:
            self.ended = problem
            self.task.cancel()

    @property
    def seconds(self) -> float:
        """Time since the request's header came."""
        return time.perf_counter() - self.started

    @property
    def outcome(self) -> str:
        """How it ended, in a word."""
        if self.client_gone:
            return "client-gone"
        return "ok" if self.problem is None else self.problem.code


class ContextMiddleware:
    """Follows each request from its header to the end of its answer, which never holds a traceback.

    Args:
        app: what answers.
        metrics: told how it ended.
        answer_seconds: time a client has to take its answer, which goes out piece by piece, as fast as it is taken.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, answer_seconds: float) -> None:
        self._app = app
        self._metrics = metrics
        self._answer_seconds = answer_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get("x-request-id", "")
        context = scope["east.context"] = RequestContext(asked if _ID.fullmatch(asked) else uuid.uuid4().hex)
        if scope["path"] in PROBES:
            await self._answer(context, scope, receive, send)
            return
        with tracing.request_span(scope, headers) as context.span:
            context.span.set_attribute("east.request_id", context.id)
            await self._answer(context, scope, receive, send)

    async def _answer(self, context: RequestContext, scope: Scope, receive: Receive, send: Send) -> None:
        async def counting_receive() -> Message:
            message = await receive()
            context.received += len(message.get("body", b""))
            return message

        async def marking_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                context.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = context.id
                for name, value in SAFE_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                await send(message)
                return
            try:
                await asyncio.wait_for(send_body(message), self._answer_seconds)
            except asyncio.TimeoutError:
                raise ClientDisconnect from None

        async def send_body(message: Message) -> None:
            body, more = message.get("body", b""), message.get("more_body", False)
            for start in range(0, len(body) or 1, _PIECE):
                end = start + _PIECE
                await send({**message, "body": body[start:end], "more_body": more or end < len(body)})
                context.sent += len(body[start:end])

        async def fail(problem: Problem) -> None:
            context.problem = problem
            if not context.status:
                await problem.response(context.id)(scope, counting_receive, marking_send)

        context.task = asyncio.current_task()
        if scope["path"] not in PROBES:
            context.ending.enter_context(self._metrics.requests_in_flight.track_inprogress())
        try:
            if (refusal := scope.get("east.refusal")) is not None:
                await fail(refusal)
            else:
                await self._app(scope, counting_receive, marking_send)
        except ClientDisconnect:
            context.client_gone = True
        except asyncio.CancelledError:  # otherwise, the time to finish what was accepted is over
            detail = "this server was told to stop before it could answer"
            await fail(context.ended or Problem(503, "shutting-down", detail, retry_after=5))
        except Exception:
            logger.exception("request %s failed", context.id)
            await fail(Problem(500, "internal-error", "this server failed to answer; its log tells why"))
        finally:
            context.ending.close()
            self._record(scope, context)

    def _record(self, scope: Scope, context: RequestContext) -> None:
        route = getattr(scope.get("route"), "path", None)
        operation = route or "other"
        tracing.answered(context.span, scope["method"], route, context.status, context.outcome)
        self._metrics.requests.labels(operation, context.status or "none", context.outcome).inc()
        self._metrics.request_seconds.labels(operation).observe(context.seconds)
        if isinstance(context.problem, Refusal):
            self._metrics.protocol_refusals.labels(context.problem.code).inc()
        client = scope.get("client")
        level = logging.DEBUG if operation in PROBES else logging.INFO
        path = scope["path"]
        if path is not None:
            raw_path: bytes = scope.get("raw_path") or quote(path).encode()  # not every server tells it
            path = shown(raw_path.decode("ascii", "backslashreplace"), 500)
        fields = {
            "request_id": context.id,
            "client": shown(client[0]) if client else None,
            "caller": context.caller,
            "method": scope["method"] and shown(scope["method"], 20),
            "path": path,
            "status": context.status or None,
            "outcome": context.outcome,
            "milliseconds": round(context.seconds * 1e3, 1),
            "bytes_in": context.received,
            "bytes_out": context.sent,
            "images": context.images,
            "boxes": context.boxes,
        }
        access.log(level, "request", extra={"fields": fields})
