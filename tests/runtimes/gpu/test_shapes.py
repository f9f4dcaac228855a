from __future__ import annotations

from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from east.runtimes.gpu import shapes
from east.runtimes.gpu.shapes import BATCHES, CompiledShapes, Shape, batch_bucket, bucket
from east.types import Size

sides = st.integers(1, 75).map(lambda n: 32 * n)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Shape]:
    """The shapes compiled so far; three are kept."""
    monkeypatch.setattr(shapes, "MOST_COMPILED", 3)
    return []


def find(functions: CompiledShapes, compiled: list[Shape], count: int, height: int, width: int) -> Shape:
    """The shape that images run in; its function is its number among those compiled."""

    def compile_(shape: Shape) -> int:
        compiled.append(shape)
        return len(compiled)

    shape, function = functions.find(count, Size(height, width), compile_)
    assert compiled[function - 1] == shape
    return shape


@given(sides, sides)
def test_buckets_hold_the_image_and_little_more(height: int, width: int) -> None:
    size = bucket(Size(height, width), set())
    assert 0 <= size.height - height < 128
    assert 0 <= size.width - width < 128
    assert size.height % 128 == size.width % 128 == 0


def test_a_compiled_size_is_its_own_bucket() -> None:
    assert bucket(Size(672, 1280), {Size(672, 1280)}) == Size(672, 1280)
    assert bucket(Size(672, 1280), {Size(704, 1280)}) == Size(768, 1280)


@given(st.integers(1, BATCHES[-1]))
def test_batches_hold_the_images(count: int) -> None:
    batch = batch_bucket(count)
    assert count <= batch <= 2 * count
    assert batch in BATCHES


def test_a_shape_is_compiled_once(compiled: list[Shape]) -> None:
    functions = CompiledShapes(BATCHES, set())
    assert [find(functions, compiled, 3, 96, 200) for _ in range(3)] == [(4, 128, 256, 3)] * 3
    assert compiled == [(4, 128, 256, 3)]


def test_what_fits_into_a_compiled_shape_runs_there_once_there_are_enough(compiled: list[Shape]) -> None:
    functions = CompiledShapes(BATCHES, set())
    for width in (512, 256, 1024):
        find(functions, compiled, 2, 256, width)
    assert find(functions, compiled, 1, 128, 384) == (2, 256, 512, 3)
    assert find(functions, compiled, 2, 200, 600) == (2, 256, 1024, 3)
    assert len(compiled) == 3


def test_the_least_recently_used_shape_goes(compiled: list[Shape]) -> None:
    functions = CompiledShapes(BATCHES, set())
    for width in (128, 256, 384):
        find(functions, compiled, 1, 128, width)
    find(functions, compiled, 1, 128, 128)
    for width in (512, 640):  # which no other holds
        find(functions, compiled, 1, 128, width)
    assert len(functions._functions) == 3
    assert find(functions, compiled, 1, 128, 128) == (1, 128, 128, 3)
    assert find(functions, compiled, 1, 128, 256) == (1, 128, 512, 3)
    assert len(compiled) == 5


def test_exact_sizes_stay_and_run_as_they_are(compiled: list[Shape]) -> None:
    exact = {Size(96, 96)}
    functions = CompiledShapes(BATCHES, exact)
    find(functions, compiled, 1, 96, 96)
    for width in range(128, 1024, 128):
        find(functions, compiled, 1, 128, width)
    exact.add(Size(64, 64))  # as warming up does
    assert find(functions, compiled, 1, 64, 64) == (1, 64, 64, 3)
    assert find(functions, compiled, 1, 96, 96) == (1, 96, 96, 3)
    assert compiled.count((1, 96, 96, 3)) == 1
    assert len(functions._functions) == 5


def test_others_wait_for_the_one_that_compiles() -> None:
    functions = CompiledShapes(BATCHES, set())
    compiling, go_on = Event(), Event()
    made: list[Shape] = []

    def slowly(shape: Shape) -> object:
        compiling.set()
        go_on.wait(30)
        made.append(shape)
        return object()

    threads = [Thread(target=functions.find, args=(1, Size(64, 64), slowly)) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert compiling.wait(30)
    go_on.set()
    for thread in threads:
        thread.join()
    assert made == [(1, 128, 128, 3)]
