"""Server processes: one, or several that share a port and are started again when they die; and how they die."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess

from . import logs, shared
from .connection import PatientProtocol
from .settings import Settings

FAILED = 1
_STOP_ALL = 3  # a worker of uvicorn's that ends with it is not started again


def serve(settings: Settings) -> int:
    """Serves until told to stop. Returns the exit status."""
    logs.configure(settings)
    config = uvicorn_config(settings, functools.partial(_application, settings))
    try:
        if settings.workers == 1:
            uvicorn.Server(config).run()
            return 0
        with shared.made():
            supervisor = Supervisor(config, sockets=[config.bind_socket()])
            supervisor.run()
            return FAILED if any(process.exitcode == _STOP_ALL for process in supervisor.processes) else 0
    except SystemExit:  # uvicorn's way out when the port is taken; it has logged it
        return FAILED


class Supervisor(Multiprocess):
    """uvicorn's, which listens, too, and so would let clients queue for processes that accept no more."""

    def terminate_all(self) -> None:
        for listener in self.sockets:
            listener.close()
        super().terminate_all()


def uvicorn_config(settings: Settings, make_app: Callable[[], ASGIApp]) -> uvicorn.Config:
    """How uvicorn is to run the application."""
    protocol: Any = functools.partial(PatientProtocol, settings.limits.header_seconds, settings.limits.connections)
    return uvicorn.Config(
        make_app,
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_worker_healthcheck=30,
    )


def _application(settings: Settings) -> ASGIApp:
    """The application of a process that ends when the detector cannot be loaded, or dies."""
    logs.configure(settings)
    from .app import create_app  # heavy, and not needed in the process that only supervises

    # uvicorn finishes what it can when it gets the signal
    app = create_app(settings, on_failure=functools.partial(signal.raise_signal, signal.SIGTERM))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        service = app.state.service
        if scope["type"] == "lifespan" and service.failure is not None:
            logging.shutdown()
            sys.stdout.flush()  # a thread that hangs must not keep the process; only a worker that was ready comes back
            os._exit(FAILED if service.loaded or settings.workers == 1 else _STOP_ALL)

    return application
