"""Functions that Numba compiles, and that Python interprets until it has."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import types
from numpy.testing import assert_array_equal

from east import compiled
from east.compiled import Entry, array, entry
from east.images import mixing
from east.layout import blocks, lines, order, reading_order, rows
from east.postprocess import (
    Turned,
    core_peaks,
    extract_boxes,
    in_their_direction,
    join,
    patches,
    polygon,
    seams,
    settle,
    sides,
    straighten,
    with_huge_words,
)
from tests.support.sheets import Sheet, turning
from tests.support.words import WORDS, Word, candidates_of


def entries() -> dict[str, Entry]:
    """All functions that a detection calls."""
    modules = [mixing, blocks, lines, order, rows, patches, polygon, seams, sides]
    named = [(f"{module.__name__}.{key}", one) for module in modules for key, one in vars(module).items()]
    return {key: one for key, one in named if isinstance(one, Entry) and key.startswith(one.__module__)}


def detect(seed: int) -> list[Any]:
    """All that is done with the maps of an image, once words lie as their pixels say, and once not."""
    rng = np.random.default_rng(seed)
    words = [*WORDS, Word(150, 130, 160, 24, 0.02), Word(318, 130, 164, 24, 0.03)]  # two pieces of one
    candidates = candidates_of(words, seed)
    off = candidates.geometry + np.float32(0.4) * (np.arange(5) == 4).astype(np.float32)
    found: list[Any] = [np.empty((9, 12), np.uint8)]
    mixing.mix_rows(rng.integers(0, 256, (5 + 6 * seed, 12), np.uint8), found[0])
    for some in (straighten(candidates), straighten(candidates._replace(geometry=off))):
        quads, scores = extract_boxes(some, 0.2, 0.1, score=core_peaks)
        quads, scores = join(settle(quads, some), scores, some.score_map)
        turns = [Turned(quads + rng.normal(0, 1, quads.shape).astype(np.float32), scores, scores) for _ in range(4)]
        huge = np.array([Word(200, 130, 300, 200, 0.1).quad()])
        found += [quads, scores, *extract_boxes(some, 0.2, 0.1), *in_their_direction(turns, 0.8)]
        found += with_huge_words(quads, scores, huge, np.ones(1, np.float32))
    table = Sheet().write(100, 60, "THE CORNER SHOP", height=30).write(100, 200, "bread", "butter", "cheese", "milk")
    table.write(420, 200, "2.10", "1.75", "18.40", "0.95").write(100, 500, "open all day", "and all night")
    place = rng.uniform(-20, 20, 2)
    found.append(reading_order(table.quads @ turning(rng.uniform(-30, 30)) + place))
    return found


def test_python_computes_bit_for_bit_what_numba_does(monkeypatch: pytest.MonkeyPatch) -> None:
    called = set()

    def both(self: Entry, *arguments: Any) -> Any:
        called.add(f"{self.__module__}.{self.function.__name__}")
        compiled, interpreted = self.compile()(*arguments), self.function(*arguments)
        several = (compiled, interpreted) if isinstance(compiled, tuple) else ((compiled,), (interpreted,))
        for one, other in zip(*several, strict=True):
            assert np.asarray(one).dtype == np.asarray(other).dtype
            assert_array_equal(one, other)
        return compiled

    monkeypatch.setattr(Entry, "__call__", both)
    for seed in range(3):
        detect(seed)
    assert called == set(entries())


def test_a_process_does_not_wait_for_numba_unless_it_is_told_to(tmp_path: Path) -> None:
    code = (
        "import os, numpy as np\n"
        "from east.postprocess.polygon import areas\n"
        "quads = np.array([[[0, 0], [3, 1], [4, 5], [1, 4]]], float)\n"
        "interpreted, at_once = areas(quads), areas.ready\n"
        "if not os.fork():\n"  # while the thread compiles
        "    os._exit(int((areas(quads) != interpreted).any()))\n"
        "assert os.wait()[1] == 0\n"
        "areas.compile()\n"
        "assert (areas(quads) == interpreted).all()\n"
        "print(at_once, areas.ready, len(areas.stats.cache_hits))\n"
    )

    def run() -> str:
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return done.stdout

    assert run() == "False True 0\n"
    assert 1 <= len(list(tmp_path.rglob("*.nbc"))) < len(entries()) / 2  # it ended as soon as one was whole
    assert run() == "True True 1\n"


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test has compiled is nothing that a detector waits for."""
    monkeypatch.setattr(compiled, "_background", compiled._Background())


@pytest.mark.usefixtures("apart")
@pytest.mark.parametrize("pairs", [False, True])
def test_much_work_is_not_interpreted(pairs: bool) -> None:
    @entry(types.int64, array(types.int64, 1), pairs=pairs)
    def length(items: Any) -> int:
        return len(items)

    some = np.zeros(2_000 if pairs else 30_000, np.int64)
    assert length(some) == len(some)
    assert length.ready  # type: ignore[attr-defined]


@pytest.mark.usefixtures("apart")
def test_what_numba_cannot_compile_stays_interpreted(caplog: pytest.LogCaptureFixture) -> None:
    @entry(types.int64, array(types.int64, 1))
    def formatted(items: Any) -> int:
        return len(format(items[0], "04d"))

    with caplog.at_level(logging.WARNING, "east"):
        assert formatted(np.ones(1, np.int64)) == 4
        for thread in threading.enumerate():
            if thread.name == "compiling":
                thread.join()
        assert formatted(np.ones(1, np.int64)) == 4
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert not formatted.ready  # type: ignore[attr-defined]
