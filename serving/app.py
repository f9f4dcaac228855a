"""The application: settings in, an ASGI app out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from inspect import signature
from typing import Any

from east import TextDetector, __version__
from east.extras import missing_package
from east.reading import Recogniser

try:
    from fastapi import Depends, FastAPI
    from fastapi.security import APIKeyHeader, HTTPBearer
    from starlette.middleware.cors import CORSMiddleware
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ModuleNotFoundError as error:
    raise missing_package(error, __name__) from error

from . import kserve, problems, routes
from .auth import Gate, Limit, own_limit
from .context import ContextMiddleware, RequestContext
from .heartbeat import Heartbeat
from .metrics import Metrics
from .service import Service
from .settings import Settings

_OWN_TELEMETRY: dict[str, Any] = {}
if "telemetry" in signature(FastAPI).parameters:  # since 0.165; `tracing` does it, whatever the version
    _OWN_TELEMETRY["telemetry"] = dict.fromkeys(["tracing", "metrics", "logs", "auto_configure"], False)


def create_app(
    settings: Settings | None = None,
    detector: TextDetector | None = None,
    *,
    recogniser: Recogniser | None = None,
    on_failure: Callable[[], None] = lambda: None,
    metrics_here: bool = True,
    limit: Callable[[str, int], Limit] = own_limit,
    cores: int | None = None,
) -> FastAPI:
    """Makes the application.

    Args:
        settings: from the environment when not given.
        detector: loaded by the settings when not given; it keeps its own options, whatever the settings say.
        recogniser: reads words, for ``/read`` and ``/read/batch``; loaded by the settings when not given. Its attribute
            ``name``, if it has one, is told by ``/readyz``. It is called by one thread at a time.
        on_failure: called when the detector cannot be loaded, or dies; readiness tells of it in any case, and
            ``app.state.service.failure`` why.
        metrics_here: whether ``/metrics`` is among the operations, rather than on the port of `create_admin_app`;
            that port is opened by ``python -m serving``, so ``admin_port`` means nothing here.
        limit: makes the rate limits, as `serving.auth.Gate` wants it.
        cores: of the processor, that it has; as many as it may use when not given.

    Raises:
        ValueError: keys that cannot be read.
    """
    settings = settings or Settings()
    metrics = Metrics()
    service = Service(settings, metrics, on_failure, detector, recogniser, cores)
    gate = Gate(settings.security, limit)
    heartbeat = Heartbeat()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        async with heartbeat:
            yield
        await service.stop()

    app = FastAPI(
        title="EAST text detector",
        version=__version__,
        description="Finds the words in images: a quadrilateral and a score for each, and what they say.",
        lifespan=lifespan,
        **_OWN_TELEMETRY,
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict.fromkeys(problems.EXPECTED, _tell),
    )
    app.state.service = service
    app.state.metrics = metrics
    app.state.gate = gate
    app.state.heartbeat = heartbeat
    guards: list[Any] = [Depends(gate)]
    if gate.keys:
        guards += [Depends(HTTPBearer(auto_error=False)), Depends(APIKeyHeader(name="X-API-Key", auto_error=False))]
    anywhere = problems.documented(400, 500, 503)  # what any connection and any operation may be answered
    guarded = {**anywhere, **(problems.documented(401) if gate.keys else {})}
    app.include_router(routes.detection, dependencies=guards, responses=guarded)
    app.include_router(routes.probes, responses=anywhere)
    if metrics_here:
        app.include_router(routes.metrics, responses=anywhere)
    app.include_router(kserve.metadata, responses=anywhere)
    app.include_router(
        kserve.inference, dependencies=guards, responses=guarded | kserve.errors(*[401] if gate.keys else [])
    )
    app.include_router(routes.pages)
    app.mount("/static", routes.static)
    if settings.security.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.security.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    app.add_middleware(HeadMiddleware)
    app.add_middleware(ContextMiddleware, metrics=metrics, answer_seconds=settings.limits.answer_seconds)
    return app


def create_admin_app(app: FastAPI) -> FastAPI:
    """Makes an application that answers probes and tells metrics of the one that `create_app` made, in any thread."""
    admin = FastAPI(openapi_url=None, **_OWN_TELEMETRY, exception_handlers=dict.fromkeys(problems.EXPECTED, _tell))
    admin.state = app.state
    admin.include_router(routes.probes)
    admin.include_router(routes.metrics)
    answer_seconds = app.state.service.settings.limits.answer_seconds
    admin.add_middleware(HeadMiddleware)
    admin.add_middleware(ContextMiddleware, metrics=app.state.metrics, answer_seconds=answer_seconds)
    return admin


class HeadMiddleware:
    """Answers HEAD wherever GET is answered, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_bodiless(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        asked = {**scope, "method": "GET"}
        try:
            await self._app(asked, receive, send_bodiless)
        finally:
            scope["route"] = asked.get("route")  # for the log and the metrics


async def _tell(request: Request, error: Exception) -> JSONResponse:
    """Answers with what a client is to be told of an error."""
    context = RequestContext.of(request)
    context.problem = problem = problems.problem_of(error)
    problem.__traceback__ = problem.__context__ = None  # which hold on to the images of the request
    if kserve.TAG in getattr(request.scope.get("route"), "tags", ()):
        return kserve.refusal(problem)
    return problem.response(context.id)
