"""How many bytes all requests may hold together, and who must let go when others have no room."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from .context import RequestContext
from .problems import Problem

_STEP: Final = 256 * 1024
_SLOW_SECONDS: Final = 2.0
"""A client that has not sent a `_STEP` for so long is slow, and so is one that takes so long over its answer."""


class Holding:
    """What one request holds. Calling it with a size holds so much more, or less where that is negative.

    Attributes:
        size: bytes.
        waits_for_client: whether it is held because its client has not sent, or taken, all yet.
    """

    def __init__(self, room: Room, context: RequestContext, now: float) -> None:
        self._room = room
        self._context = context
        self._stepped = 0
        self.size = 0
        self.since = now
        self.waits_for_client = False
        self.closed = False

    def __call__(self, size: int) -> None:
        """Raises `Problem` when there is no room."""
        if self.closed:
            raise asyncio.CancelledError  # whose this was has gone
        self._room.take(self, size)
        if abs(self.size - self._stepped) >= _STEP:
            self._stepped, self.since = self.size, asyncio.get_running_loop().time()

    def evict(self) -> None:
        """Ends its request."""
        detail = "others need the room that this request took for too long; try again"
        self._context.end(Problem(503, "queue-full", detail, retry_after=2))


class Room:
    """The bytes of all requests.

    Args:
        most: tells how many there may be.
    """

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._holdings: set[Holding] = set()
        self.held = 0

    @contextmanager
    def holding(self, context: RequestContext) -> Iterator[Holding]:
        """Gives what a request holds, until the context ends."""
        holding = Holding(self, context, asyncio.get_running_loop().time())
        self._holdings.add(holding)
        try:
            yield holding
        finally:
            self._release(holding)

    def take(self, holding: Holding, size: int) -> None:
        """Holds so many bytes more, if need be in place of those who wait for slow clients, the slowest first.

        Raises `Problem` when there is no room.
        """
        while size > 0 and self.held + size > self._most():  # there may have been more room before
            latest = asyncio.get_running_loop().time() - _SLOW_SECONDS
            slow = [
                h for h in self._holdings if h.waits_for_client and h.size and h.since < latest and h is not holding
            ]
            if not slow:
                raise Problem(503, "queue-full", "too many bytes are waiting already; try again later", retry_after=2)
            slowest = min(slow, key=lambda h: h.since)
            self._release(slowest)
            slowest.evict()
        holding.size += size
        self.held += size

    def _release(self, holding: Holding) -> None:
        if not holding.closed:
            holding.closed = True
            self._holdings.discard(holding)
            self.held -= holding.size
