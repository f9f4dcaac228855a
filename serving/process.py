"""The server process: how it is run, and how it ends."""

from __future__ import annotations

import functools
import logging.config
import os
import signal
import sys
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from .app import create_app
from .connection import PatientProtocol, allow_open_files
from .logs import logging_config
from .settings import Settings


def serve(settings: Settings) -> int:
    """Serves until told to stop. Returns the exit status."""
    logging.raiseExceptions = False  # a log that cannot be written is no reason to fail, or to say so
    logging.config.dictConfig(logging_config(settings))
    allow_open_files(settings.limits.connections)
    try:
        uvicorn.Server(uvicorn_config(settings, _application(settings))).run()
    except SystemExit:  # uvicorn's way out when the port is taken; it has logged it
        return 1
    return 0


def uvicorn_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """How uvicorn is to run the application."""
    proxies = settings.security.trusted_proxies
    protocol: Any = functools.partial(PatientProtocol, settings.limits.header_seconds, settings.limits.connections)
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(map(str, proxies)),  # without it, uvicorn looks into the environment
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def _application(settings: Settings) -> ASGIApp:
    """The application of a process that ends when the detector cannot be loaded, or dies."""
    # uvicorn finishes what it can when it gets the signal
    app = create_app(settings, on_failure=functools.partial(signal.raise_signal, signal.SIGTERM))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        if scope["type"] == "lifespan" and app.state.service.failure is not None:
            logging.shutdown()
            sys.stdout.flush()
            os._exit(1)  # a thread that hangs must not keep the process

    return application
