"""A request waits for its images to be answered, as long as somebody listens and there is time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request

from .problems import deadline_passed


async def wait_for_all(request: Request, deadline: float, images: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
    """Waits for the answers to a request's images.

    Args:
        request: theirs; its body has been read.
        deadline: event-loop time.
        images: make the answers.

    Returns:
        for each its answer, or the exception instead.

    Raises:
        ClientDisconnect: nobody listens any more.
        Problem: the deadline has passed.
    """
    loop = asyncio.get_running_loop()
    gone: asyncio.Future[Any] = asyncio.ensure_future(_disconnected(request))
    everything: asyncio.Future[list[Any]] = asyncio.gather(*images, return_exceptions=True)
    try:
        await asyncio.wait({gone, everything}, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED)
        if everything.done():
            return everything.result()
        if gone.done():
            raise ClientDisconnect
        raise deadline_passed()
    finally:
        gone.cancel()
        everything.cancel()
        with suppress(asyncio.CancelledError):
            await everything


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
