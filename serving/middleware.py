"""Around every request: its id, its log line, its metrics, its safe headers, and no trace in any answer."""

from __future__ import annotations

import asyncio
import logging

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .exchange import Exchange
from .metrics import Metrics
from .problems import Problem

logger = logging.getLogger("serving")
access = logging.getLogger("serving.access")

_PIECE = 64 * 1024

SAFE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class ExchangeMiddleware:
    """Follows each request from its header to the end of its answer.

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
        exchange = Exchange.begin(scope)

        async def counting_receive() -> Message:
            message = await receive()
            exchange.received += len(message.get("body", b""))
            return message

        async def marking_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = exchange.id
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
                exchange.sent += len(body[start:end])

        try:
            await self._app(scope, counting_receive, marking_send)
        except ClientDisconnect:
            exchange.client_gone = True
        except asyncio.CancelledError:  # the time to finish what was accepted is over
            detail = "this server was told to stop before it could answer"
            exchange.problem = Problem(503, "shutting-down", detail, retry_after=5)
            if not exchange.status:
                await exchange.problem.response(exchange.id)(scope, counting_receive, marking_send)
        except Exception:
            logger.exception("request %s failed", exchange.id)
            exchange.problem = Problem(500, "internal-error", "this server failed to answer; its log tells why")
            if not exchange.status:
                await exchange.problem.response(exchange.id)(scope, counting_receive, marking_send)
        finally:
            exchange.ending.close()
            self._record(scope, exchange)

    def _record(self, scope: Scope, exchange: Exchange) -> None:
        operation = getattr(scope.get("route"), "path", "other")
        self._metrics.requests.labels(operation, exchange.status or "none", exchange.outcome).inc()
        self._metrics.request_seconds.labels(operation).observe(exchange.seconds)
        client = scope.get("client")
        level = logging.DEBUG if operation in {"/healthz", "/readyz", "/metrics"} else logging.INFO
        fields = {
            "request_id": exchange.id,
            "client": client[0] if client else None,
            "caller": exchange.caller,
            "method": scope["method"],
            "path": scope["raw_path"].decode("ascii", "backslashreplace"),
            "status": exchange.status or None,
            "outcome": exchange.outcome,
            "milliseconds": round(exchange.seconds * 1e3, 1),
            "bytes_in": exchange.received,
            "bytes_out": exchange.sent,
            "images": exchange.images,
            "boxes": exchange.boxes,
        }
        access.log(level, "request", extra={"fields": fields})
