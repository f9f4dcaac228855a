"""The server process: how it is run, what it is told by signals, and how it ends."""

from __future__ import annotations

import asyncio
import functools
import logging.config
import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from east.cores import take_short_turns

from . import admin, tracing
from .app import create_admin_app, create_app
from .connection import PatientProtocol, allow_open_files, most_refused
from .garbage import keep_what_there_is
from .logs import logging_config
from .reload import reload
from .settings import Settings, ignored_variables

logger = logging.getLogger("serving")

_COMMON: dict[str, Any] = {"ws": "none", "log_config": None, "access_log": False, "server_header": False}
"""How uvicorn is to run either port."""

_HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none


def serve(settings: Settings, read_again: Callable[[], Settings] | None = None) -> int:
    """Serves until told to stop. Returns the exit status.

    Args:
        settings: what the operator has set.
        read_again: reads the settings from where they came, at SIGHUP; raises ``OSError`` or ``ValueError`` when they
            are wrong. Without it, only the file of keys is read again.
    """
    logging.raiseExceptions = False  # a log that cannot be written is no reason to fail, or to say so
    logging.config.dictConfig(logging_config(settings))
    connections = settings.limits.connections
    allow_open_files(connections + most_refused(connections))
    take_short_turns()
    tracing.configure()
    if _HANG_UP is not None:
        signal.signal(_HANG_UP, signal.SIG_IGN)  # until there is something to reload
    for line in ignored_variables(os.environ):
        logger.warning("%s", line)
    # uvicorn finishes what it can when it gets the signal
    app = create_app(
        settings,
        on_failure=functools.partial(signal.raise_signal, signal.SIGTERM),
        metrics_here=settings.admin_port is None,
    )
    hang_up = functools.partial(reload, app, read_again or (lambda: settings))
    server = uvicorn.Server(uvicorn_config(settings, _application(app, hang_up)))
    app.state.service.stopping = lambda: server.should_exit
    app.state.service.loaded = keep_what_there_is
    app.state.metrics.connections.set_function(lambda: len(server.server_state.connections))
    with ExitStack() as stack:
        if settings.admin_port is not None:
            try:
                stack.enter_context(admin.listening(admin_config(settings, create_admin_app(app))))
            except OSError as error:
                logger.error("--admin-port %d: %s", settings.admin_port, error)
                return 1
        try:
            server.run()
        except SystemExit:  # uvicorn's way out when the port is taken; it has logged it
            return 1
    return 0


def uvicorn_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """How uvicorn is to run the application."""
    limits = settings.limits
    proxies = settings.security.trusted_proxies
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=_protocol(limits.header_seconds, limits.connections),
        lifespan="on",
        **_COMMON,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(map(str, proxies)),  # without it, uvicorn looks into the environment
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


def admin_config(settings: Settings, app: ASGIApp) -> uvicorn.Config:
    """How uvicorn is to run the application of the admin port."""
    return uvicorn.Config(
        app,
        host=settings.admin_host or settings.host,
        port=settings.admin_port or 0,
        http=_protocol(admin.HEADER_SECONDS, admin.CONNECTIONS),
        lifespan="off",
        **_COMMON,
        proxy_headers=False,
    )


def _protocol(header_seconds: float, connections: int) -> Any:
    return functools.partial(PatientProtocol, header_seconds, connections)


def _application(app: FastAPI, hang_up: Callable[[], None]) -> ASGIApp:
    """The application of a process that ends when the detector cannot be loaded, or dies."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_when_exported(message: Message) -> None:
            if message["type"] == "lifespan.shutdown.complete":  # after which nobody waits for this any more
                await asyncio.to_thread(tracing.flush)
            await send(message)

        if scope["type"] == "lifespan" and _HANG_UP is not None:
            asyncio.get_running_loop().add_signal_handler(_HANG_UP, hang_up)
        await app(scope, receive, send_when_exported if scope["type"] == "lifespan" else send)
        if scope["type"] == "lifespan" and app.state.service.failure is not None:
            logging.shutdown()
            sys.stdout.flush()
            os._exit(1)  # a thread that hangs must not keep the process

    return application
