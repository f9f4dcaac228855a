"""What is known about one request while it is answered: for its log line, its metrics and its headers."""

from __future__ import annotations

import re
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from .problems import Problem

_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)


@dataclass
class Exchange:
    """One request and its answer.

    id: the client's ``X-Request-ID``, or a new one. caller: name of the key. problem: why it was refused.
    images, boxes: how many went in and were found. ending: closed when the answer is sent, or never will be.
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
    ending: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def begin(cls, scope: Scope) -> Exchange:
        asked = Headers(scope=scope).get("x-request-id", "")
        exchange = cls(asked if _ID.fullmatch(asked) else uuid.uuid4().hex)
        scope["east.exchange"] = exchange
        return exchange

    @classmethod
    def of(cls, request: Request) -> Exchange:
        exchange = request.scope["east.exchange"]
        assert isinstance(exchange, cls)  # noqa: S101 -- the middleware put it there
        return exchange

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started

    @property
    def outcome(self) -> str:
        if self.client_gone:
            return "client-gone"
        return "ok" if self.problem is None else self.problem.code
