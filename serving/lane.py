"""Those who wait for one of several workers, in the order of their turns and no longer than they have time."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from itertools import count
from typing import Generic, TypeVar

from .problems import deadline_passed

Worker = TypeVar("Worker")


class Lane(Generic[Worker]):
    """Workers that do the same kind of work, and those who wait for one."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        self.all = workers
        self._idle = list(workers)
        self._queue: list[tuple[float, int, asyncio.Future[Worker]]] = []
        self._numbers = count()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(not future.done() for _, _, future in self._queue)

    async def get(self, turn: float, deadline: float) -> Worker:
        """Waits for a worker; of those who wait the one with the least ``turn`` comes first.

        Raises `Problem` when the deadline passes before.
        """
        if self._idle:
            return self._idle.pop()
        loop = asyncio.get_running_loop()
        free: asyncio.Future[Worker] = loop.create_future()
        heapq.heappush(self._queue, (turn, next(self._numbers), free))
        try:
            return await asyncio.wait_for(asyncio.shield(free), deadline - loop.time())
        except BaseException as error:
            if not free.cancel():  # it came at this very moment
                self.put(free.result())
            if isinstance(error, asyncio.TimeoutError):
                raise deadline_passed() from None
            raise

    def put(self, worker: Worker) -> None:
        """Gives a worker back."""
        while self._queue:
            free = heapq.heappop(self._queue)[2]
            if not free.done():
                free.set_result(worker)
                return
        self._idle.append(worker)
