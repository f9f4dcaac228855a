"""The application: settings in, an ASGI app out."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from east import TextDetector, __version__

from . import kserve, pages, problems
from .auth import Gate
from .metrics import Metrics
from .middleware import ExchangeMiddleware
from .process import leave
from .routes import detection, operations
from .service import Service
from .settings import Settings


def create_app(
    settings: Settings | None = None, detector: TextDetector | None = None, *, owns_process: bool = False
) -> FastAPI:
    """Makes the application.

    settings: from the environment when not given. detector: loaded by the settings when not given.
    owns_process: a detector that cannot be loaded, or dies, ends the process, so that a supervisor starts it anew.
    Raises ``ValueError`` for keys that cannot be read.
    """
    settings = settings or Settings()
    metrics = Metrics()
    service = Service(settings, metrics, _stop_server if owns_process else _carry_on, detector)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()
        gate.close()
        if service.failure is not None and owns_process:
            leave(settings, was_ready=service.failure.was_ready)

    app = FastAPI(
        title="EAST text detector",
        version=__version__,
        description="Finds the words in images: a quadrilateral and a score for each.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            problems.Problem: problems.handle,
            HTTPException: problems.handle,
            RequestValidationError: problems.handle,
        },
    )
    app.state.service = service
    app.state.metrics = metrics
    gate = Gate(settings.security)
    guards: list[Any] = [Depends(gate)]
    refusals: dict[int | str, dict[str, Any]] = {}
    if gate.keys:
        guards += [Depends(HTTPBearer(auto_error=False)), Depends(APIKeyHeader(name="X-API-Key", auto_error=False))]
        refusals = problems.documented(401)
    app.include_router(detection, dependencies=guards, responses=refusals)
    app.include_router(operations)
    app.include_router(kserve.metadata)
    app.include_router(kserve.inference, dependencies=guards)
    app.include_router(pages.router)
    app.mount("/static", pages.static)
    if settings.security.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.security.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-ID"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )
    app.add_middleware(ExchangeMiddleware, metrics=metrics, answer_seconds=settings.limits.answer_seconds)
    return app


def _stop_server() -> None:
    """Has uvicorn finish what it can and shut down."""
    signal.raise_signal(signal.SIGTERM)


def _carry_on() -> None:
    """Somebody else owns the process; readiness tells them."""
