"""Work on the next items while the caller is busy with one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 1, buffer: int = 1
) -> Iterator[Result]:
    """``map`` in threads: results in order, at most ``threads + buffer`` items begun before their turn.

    An exception is raised when it is its item's turn. What has not begun when the iterator is closed never does.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, function.__name__)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads + buffer:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
