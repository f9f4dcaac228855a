"""Work on the next items while the caller is busy with one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetch_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, threads: int = 1, buffer: int = 1
) -> Generator[Result, None, None]:
    """``map`` in threads: results in order, at most ``threads + buffer`` items begun before their turn.

    An exception, be it of the function or of the items, is raised when it is its item's turn. What has not begun when
    the iterator is closed never does.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads, function.__name__)
    try:
        for item in _until_failure(items):
            waiting.append(item if isinstance(item, Future) else pool.submit(function, item))
            if len(waiting) > threads + buffer:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of ``size`` items, the last one perhaps shorter. If the items fail, those before come first."""
    some: list[Item] = []
    try:
        for item in items:
            some.append(item)
            if len(some) == size:
                yield some
                some = []
    except Exception:
        if some:
            yield some
        raise
    if some:
        yield some


def _until_failure(items: Iterable[Item]) -> Iterator[Item | Future[Any]]:
    """The items; if they fail, that as the last one: a future that raises it."""
    try:
        yield from items
    except Exception as error:
        failed: Future[Any] = Future()
        failed.set_exception(error)
        yield failed
