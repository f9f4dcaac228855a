"""The admin port: an application served from a thread and an event loop of its own, whatever the others are doing."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

logger = logging.getLogger("serving")

CONNECTIONS = 100
HEADER_SECONDS = 5.0


class _Server(uvicorn.Server):
    """Serves until told to stop, and then lets go of everything at once; the log tells of the main server only."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets)
        await self.main_loop()
        for server in self.servers:
            server.close()


@contextmanager
def listening(config: uvicorn.Config) -> Iterator[int]:
    """Serves what ``config`` says from a thread, for as long as the context lasts. Gives the port.

    Raises:
        OSError: the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.create_server((config.host, config.port), family=family, backlog=config.backlog) as listener:
        port: int = listener.getsockname()[1]
        host = f"[{config.host}]" if ":" in config.host else config.host
        logger.info("probes and metrics on http://%s:%d", host, port)
        server = _Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), name="admin", daemon=True)
        thread.start()
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join(5)
