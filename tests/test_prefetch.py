from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from east.prefetch import map_ahead


@pytest.mark.parametrize(("threads", "ahead"), [(1, 0), (1, 1), (4, 1), (3, 5)])
def test_results_are_those_of_map(threads: int, ahead: int) -> None:
    assert list(map_ahead(str, range(40), threads=threads, ahead=ahead)) == list(map(str, range(40)))


@pytest.mark.parametrize(("threads", "ahead"), [(1, 0), (1, 1), (4, 2)])
def test_items_are_fetched_as_they_are_needed(threads: int, ahead: int) -> None:
    fetched: list[int] = []

    def items() -> Iterator[int]:
        for item in range(100):
            fetched.append(item)
            yield item

    for done in map_ahead(str, items(), threads=threads, ahead=ahead):
        assert len(fetched) <= int(done) + threads + ahead + 1


def test_works_on_several_items_at_once() -> None:
    meeting = threading.Barrier(3)
    assert len(set(map_ahead(lambda _: meeting.wait(10), range(3), threads=3))) == 3


def test_an_exception_comes_in_its_items_turn() -> None:
    results = map_ahead(lambda item: 6 // item, [3, 2, 0, 1], threads=2)
    assert next(results) == 2
    assert next(results) == 3
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_nothing_more_is_begun_once_it_is_closed() -> None:
    begun: list[int] = []
    results = map_ahead(begun.append, range(100), ahead=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    so_far = len(begun)
    assert so_far <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("append")]
