"""Areas, sides and directions of quads, against Shapely and by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from east.geometry import angles, clockwise, heights, inset, side_lengths, signed_areas, turns, widths

Quads = NDArray[np.float64]
quads = arrays(np.float64, (3, 4, 2), elements=st.floats(-1e4, 1e4))


@given(quads)
def test_areas_of_simple_quads_are_shapelys(some: Quads) -> None:
    for quad, area in zip(some, signed_areas(some), strict=True):
        polygon = shapely.Polygon(quad)
        if polygon.is_valid:
            assert abs(area) == pytest.approx(polygon.area, abs=1e-3)
            assert (area > 0) == (polygon.area > 0 and shapely.is_ccw(polygon.exterior)) or abs(area) < 1e-3


@given(quads)
def test_clockwise_keeps_the_corners_and_the_first_one(some: Quads) -> None:
    turned = clockwise(some)
    assert (signed_areas(turned) >= -1e-6).all()
    assert (turned[:, 0] == some[:, 0]).all()
    assert (np.sort(turned, axis=1) == np.sort(some, axis=1)).all()
    assert (clockwise(turned) == turned).all() or (signed_areas(turned) <= 0).any()


@given(st.floats(1, 500), st.floats(1, 500), st.floats(-179, 179), st.floats(-1e3, 1e3))
def test_a_turned_rectangle_has_the_sides_and_direction_it_was_made_with(
    width: float, height: float, degrees: float, x: float
) -> None:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)]) + np.array([x, -x])
    quad = flat @ np.array([(cos, sin), (-sin, cos)])
    assert side_lengths(quad) == pytest.approx([width, height, width, height])
    assert [widths(quad), heights(quad)] == pytest.approx([width, height])
    assert angles(quad) == pytest.approx(degrees, abs=1e-6)
    assert signed_areas(quad) == pytest.approx(width * height)
    assert (turns(quad) > 0).all()


@given(st.floats(1, 500), st.floats(1, 500), st.floats(-179, 179), st.floats(0.01, 400))
def test_an_inset_rectangle_keeps_its_place_and_direction(
    width: float, height: float, degrees: float, margin: float
) -> None:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)])
    quad = (flat @ np.array([(cos, sin), (-sin, cos)])).astype(np.float32)[None]
    smaller = inset(quad, margin)
    assert smaller.dtype == np.float32
    assert widths(smaller) == pytest.approx(max(width - 2 * margin, 0.4 * width), rel=1e-3)
    assert heights(smaller) == pytest.approx(max(height - 2 * margin, 0.4 * height), rel=1e-3)
    assert smaller.mean(axis=1) == pytest.approx(quad.mean(axis=1), abs=1e-3)
    assert angles(smaller) == pytest.approx(angles(quad), abs=0.1)


def test_a_bow_tie_turns_both_ways_and_its_lobes_cancel() -> None:
    bow = np.array([[(0, 0), (4, 4), (4, 0), (0, 4)]])
    assert signed_areas(bow).tolist() == [0]
    assert {-1, 1} <= set(np.sign(turns(bow)).ravel())


def test_none_are_none() -> None:
    empty = np.empty((0, 4, 2), np.float32)
    assert [f(empty).shape for f in (signed_areas, heights, widths, angles)] == [(0,)] * 4
    assert clockwise(empty).shape == empty.shape


def test_height_and_angle_of_a_word() -> None:
    level, upright = [[0, 0], [60, 0], [60, 20], [0, 20]], [[20, 0], [20, 60], [0, 60], [0, 0]]
    climbing = [[0, 60], [60, 0], [70, 10], [10, 70]]
    quads = np.array([level, upright, climbing], np.int32)
    assert heights(quads) == pytest.approx([20, 20, np.hypot(10, 10)])
    assert angles(quads) == pytest.approx([0, 90, -45])
