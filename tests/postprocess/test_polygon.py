from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import MultiPoint

import east
from east.postprocess.polygon import areas, iou
from tests.support.plain_nms import plain_iou

Quad = NDArray[np.float64]
SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], np.float64)


def quads(coordinate: st.SearchStrategy[float]) -> st.SearchStrategy[Quad]:
    """Any four points: convex, dented, crossing, either way round, flat or with repeated corners."""
    return st.lists(coordinate, min_size=8, max_size=8).map(lambda values: np.array(values, np.float64).reshape(4, 2))


on_grid = quads(st.integers(-4, 4).map(float))
anywhere = quads(st.floats(-1e3, 1e3).map(lambda value: round(value, 3)))  # finer, and Shapely errs
wild = quads(st.floats(width=64))


def rectangle(seed: int) -> Quad:
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-np.pi, np.pi)
    width, height = rng.uniform(1, 100, 2)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners: Quad = (SQUARE - 1) * np.array([width, height]) @ turn + rng.uniform(-50, 50, 2)
    return corners


rectangles = st.integers(0, 2**32).map(rectangle)


def is_fat(quad: Quad) -> bool:
    return float(MultiPoint(quad).convex_hull.area) > 1e-6 * float(np.square(np.ptp(quad, axis=0)).sum())


@settings(deadline=None, max_examples=500)
@given(rectangles, rectangles)
def test_iou_of_rectangles_is_shapelys(a: Quad, b: Quad) -> None:
    assert iou(a, b) == pytest.approx(plain_iou(a, b), abs=1e-9)


@settings(deadline=None, max_examples=500)
@given(on_grid, on_grid)
def test_iou_of_any_quads_is_that_of_their_hulls(a: Quad, b: Quad) -> None:
    assert iou(a, b) == pytest.approx(plain_iou(a, b), abs=1e-12)


@settings(deadline=None)
@given(anywhere, anywhere)
def test_iou_of_quads_with_real_corners_is_shapelys(a: Quad, b: Quad) -> None:
    assume(is_fat(a) and is_fat(b))
    assert iou(a, b) == pytest.approx(plain_iou(a, b), abs=1e-6)


@settings(deadline=None, max_examples=500)
@given(wild, wild)
def test_iou_of_anything_is_symmetric_and_between_0_and_1(a: Quad, b: Quad) -> None:
    value = iou(a, b)
    assert 0 <= value <= 1
    assert iou(b, a) == pytest.approx(value, abs=1e-6)


@given(wild)
@settings(deadline=None)
def test_a_quad_overlaps_itself_wholly_or_has_no_area(quad: Quad) -> None:
    assert iou(quad, quad) == pytest.approx(1 if areas(quad[None])[0] else 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_corner_order_does_not_matter(order: tuple[int, ...]) -> None:
    assert iou(SQUARE[list(order)], SQUARE + 1) == pytest.approx(1 / 7)


@settings(deadline=None)
@given(rectangles, rectangles, st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
def test_iou_does_not_depend_on_where_the_quads_are(a: Quad, b: Quad, x: float, y: float) -> None:
    shift = np.array([x, y])
    assert iou(a + shift, b + shift) == pytest.approx(iou(a, b), abs=1e-6)


@settings(deadline=None)
@given(rectangles, rectangles, st.floats(-4, 4), st.floats(1e-3, 1e6))
def test_iou_does_not_depend_on_turn_and_scale(a: Quad, b: Quad, angle: float, scale: float) -> None:
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert iou(a @ turn, b @ turn) == pytest.approx(iou(a, b), abs=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_quad_that_is_not_finite_overlaps_nothing(bad: float) -> None:
    broken = SQUARE.copy()
    broken[2, 1] = bad
    assert iou(broken, SQUARE) == iou(SQUARE, broken) == iou(broken, broken) == 0


@pytest.mark.parametrize(
    "flat",
    [
        np.zeros((4, 2)),
        np.array([[0, 0], [2, 2], [2, 2], [0, 0]], np.float64),
        np.array([[0, 1], [1, 1], [2, 1], [0.5, 1]], np.float64),
    ],
    ids=["point", "diagonal", "line"],
)
def test_a_flat_quad_overlaps_nothing(flat: Quad) -> None:
    assert iou(flat, SQUARE) == iou(SQUARE, flat) == iou(flat, flat) == 0


def test_quads_that_touch_do_not_overlap() -> None:
    assert iou(SQUARE, SQUARE + np.array([2, 0])) == iou(SQUARE, SQUARE + 2) == 0


@settings(deadline=None)
@given(on_grid)
def test_area_is_that_of_the_hull(quad: Quad) -> None:
    assert areas(quad[None])[0] == pytest.approx(MultiPoint(quad).convex_hull.area)


def test_a_second_process_finds_everything_compiled() -> None:
    code = (
        "from east.postprocess.polygon import areas, iou, merge_runs, suppress\n"
        "print([len(f.stats.cache_misses) for f in (areas, iou, merge_runs, suppress)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, 0, 0, 0]"


def test_works_where_what_was_cached_is_damaged(tmp_path: Path) -> None:
    code = "import numpy; from east.postprocess.polygon import areas; print(areas(numpy.eye(4, 2)[None]))"

    def area() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    assert area() == "[0.5]\n"
    for kind in ("*.nbc", "*.nbi"):
        cached = list(tmp_path.rglob(kind))
        assert cached
        for path in cached:
            path.write_bytes(b"")
        assert area() == "[0.5]\n"


def test_works_where_nothing_can_be_cached(tmp_path: Path) -> None:
    package = tmp_path / "east"
    (package / "postprocess").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "postprocess" / "__init__.py").touch()
    for name in ("compiled.py", "postprocess/polygon.py"):
        shutil.copy(Path(east.__file__).parent / name, package / name)
    for folder in (package, package / "postprocess"):
        (folder / "__pycache__").touch()  # a file where the folder would be: nobody can write there
    nowhere = {name: str(package / "__init__.py") for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA")}
    code = "import numpy; from east.postprocess import polygon as p; print(p.__file__, p.areas(numpy.eye(4, 2)[None]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, **nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split() == [str(package / "postprocess" / "polygon.py"), "[0.5]"]
