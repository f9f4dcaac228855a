"""Processes beside the detector's: what they make lies in memory that is used again, but never too early."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import TooManyBoxesError
from east.images import prepare
from east.images.looks import looks_of
from east.images.preparation import PreparedImage
from east.options import DetectorOptions
from east.postprocess import select_candidates
from east.types import Size
from east.workers import Sight, Words, Workers, WorkerShelf, find_words, room
from east.workers.room import Room

pytestmark = pytest.mark.skipif(not room.AVAILABLE, reason="processes beside the detector's need Linux")

OPTIONS = DetectorOptions()


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    shelf = WorkerShelf()
    with shelf.lend(1) as one:
        yield one
    shelf.close()


def made(workers: Workers, path: Path) -> PreparedImage:
    [found] = workers.prepare([path], OPTIONS, keep_image=True)
    assert isinstance(found, PreparedImage)
    return found


def upright(prepared: PreparedImage) -> NDArray[np.uint8]:
    assert prepared.upright is not None
    return prepared.upright


def test_what_is_in_use_stays_and_what_is_not_is_used_again(workers: Workers, small_images: list[Path]) -> None:
    first, second, third = small_images[:3]
    one = made(workers, first)
    place = one.resized.ctypes.data
    other = made(workers, second)
    assert other.resized.ctypes.data != place
    for found, path in ((one, first), (other, second)):
        expected = prepare(path, OPTIONS)
        np.testing.assert_array_equal(found.resized, expected.resized)
        np.testing.assert_array_equal(upright(found), upright(expected))
    part, kept = one.resized[10:20], upright(one)
    del one, found
    assert made(workers, third).resized.ctypes.data != place  # a part of it is still in use
    np.testing.assert_array_equal(part, prepare(first, OPTIONS).resized[10:20])
    del part, other
    again = [made(workers, third) for _ in range(3)]
    assert place in {one.resized.ctypes.data for one in again}
    np.testing.assert_array_equal(kept, upright(prepare(first, OPTIONS)))


def test_several_ask_at_once(workers: Workers, small_images: list[Path]) -> None:
    found: dict[int, PreparedImage] = {}

    def ask(number: int) -> None:
        found[number] = made(workers, small_images[number % 3])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(12):
        np.testing.assert_array_equal(found[number].resized, prepare(small_images[number % 3], OPTIONS).resized)


def test_words_are_found_as_they_are_here(workers: Workers) -> None:
    score = np.zeros((32, 48), np.float32)
    score[[4, 20], 10:30] = 0.9
    geometry = np.full((32, 48, 5), 12, np.float32)
    geometry[..., 4] = 0
    seen = select_candidates(score, geometry, 0.8)
    nothing = select_candidates(score, geometry, 0.95)
    looks = looks_of(Size(128, 192), OPTIONS)
    sights = [Sight([(one, None)], looks, Size(64, 96)) for one in (seen, nothing)]
    for options in (OPTIONS, DetectorOptions(max_boxes=1)):
        for found, sight in zip(workers.find_words(sights, options, None), sights, strict=True):
            expected = find_words(sight, options, None)
            assert type(found) is type(expected)
            if isinstance(found, Words) and isinstance(expected, Words):
                np.testing.assert_array_equal(found.quads, expected.quads)
                np.testing.assert_array_equal(found.scores, expected.scores)
            else:
                assert str(found) == str(expected)
    assert isinstance(workers.find_words(sights, DetectorOptions(max_boxes=1), None)[0], TooManyBoxesError)


def test_paths_are_relative_to_where_the_caller_is(
    workers: Workers, small_images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (small_images[0], Path(__file__).parents[2] / "demo" / small_images[0].name):
        monkeypatch.chdir(path.parent)
        found = made(workers, Path(path.name))
        assert found.source == path.name
        assert found.size == prepare(path, OPTIONS).size


def test_a_room_grows_and_both_sides_see_it() -> None:
    one = Room()
    first = one.array(1000)
    first[:] = 7
    other = Room(os.dup(one.descriptor))
    assert (other.array(1000) == 7).all()
    large = other.array(5_000_000)
    large[-1] = 3
    large[0] = 5
    assert one.array(5_000_000)[-1] == 3
    assert first[0] == 5
