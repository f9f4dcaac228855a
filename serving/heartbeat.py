"""Whether the event loop still turns, as it can be told from outside of it."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType

from .problems import Problem

STALLED_SECONDS = 10.0
"""An event loop that has not turned for so long is taken for dead."""

_BEAT_SECONDS = 0.5


class Heartbeat:
    """Beats while the event loop that enters it turns; before and after there is nothing to tell. Thread-safe."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._next: asyncio.TimerHandle | None = None

    def check(self) -> None:
        """Raises `Problem` when the event loop has stalled."""
        last = self._last
        if last is not None and (seconds := time.monotonic() - last) > STALLED_SECONDS:
            raise Problem(503, "stalled", f"the event loop has not turned for {seconds:.0f} seconds", retry_after=5)

    async def __aenter__(self) -> None:
        self._beat()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._next is not None:
            self._next.cancel()
        self._last = None

    def _beat(self) -> None:
        self._last = time.monotonic()
        self._next = asyncio.get_running_loop().call_later(_BEAT_SECONDS, self._beat)
