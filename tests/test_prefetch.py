from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from east.prefetch import in_batches, prefetch_map


@pytest.mark.parametrize(("threads", "buffer"), [(1, 0), (1, 1), (4, 1), (3, 5)])
def test_results_are_those_of_map(threads: int, buffer: int) -> None:
    assert list(prefetch_map(str, range(40), threads=threads, buffer=buffer)) == list(map(str, range(40)))


@pytest.mark.parametrize(("threads", "buffer"), [(1, 0), (1, 1), (4, 2)])
def test_items_are_fetched_as_they_are_needed(threads: int, buffer: int) -> None:
    fetched: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            fetched.append(item)
            yield item

    for done in prefetch_map(str, items(), threads=threads, buffer=buffer):
        assert len(fetched) <= int(done) + threads + buffer + 1


def test_works_on_several_items_at_once() -> None:
    meeting = threading.Barrier(3)
    assert len(set(prefetch_map(lambda _: meeting.wait(10), range(3), threads=3))) == 3


def test_an_exception_comes_in_its_items_turn() -> None:
    results = prefetch_map(lambda item: 6 // item, [3, 2, 0, 1], threads=2)
    assert next(results) == 2
    assert next(results) == 3
    with pytest.raises(ZeroDivisionError):
        next(results)


def failing(items: int) -> Iterator[int]:
    yield from range(items)
    raise LookupError("no more")


@pytest.mark.parametrize(("threads", "buffer"), [(1, 0), (1, 1), (4, 5)])
def test_items_that_fail_do_so_after_those_before(threads: int, buffer: int) -> None:
    results = prefetch_map(str, failing(3), threads=threads, buffer=buffer)
    assert [next(results) for _ in range(3)] == ["0", "1", "2"]
    with pytest.raises(LookupError, match="no more"):
        next(results)


@pytest.mark.parametrize("count", range(5))
def test_batches_hold_all_items_and_fail_after_them(count: int) -> None:
    expected = [list(range(start, min(start + 2, count))) for start in range(0, count, 2)]
    assert list(in_batches(range(count), 2)) == expected
    batches = in_batches(failing(count), 2)
    assert [next(batches) for _ in expected] == expected
    with pytest.raises(LookupError, match="no more"):
        next(batches)


def test_nothing_more_is_begun_once_it_is_closed() -> None:
    begun: list[int] = []
    results = prefetch_map(begun.append, range(100), buffer=2)
    next(results)
    results.close()
    so_far = len(begun)
    assert so_far <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("append")]
