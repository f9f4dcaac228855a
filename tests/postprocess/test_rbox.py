from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from east.postprocess import decode_quads, select_candidates
from east.types import Candidates
from tests.support.words import Word, encode

words = st.builds(
    Word,
    x=st.floats(0, 2400),
    y=st.floats(0, 2400),
    width=st.floats(1, 500),
    height=st.floats(1, 500),
    angle=st.floats(-np.pi / 4, np.pi / 4),
)


def candidate(row: int, column: int, geometry: list[float]) -> Candidates:
    return Candidates(
        np.array([[row, column]], np.int32), np.array([geometry], np.float32), np.ones((1, 1), np.float32)
    )


@settings(deadline=None)
@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=9)), st.floats(0, 1))
def test_candidates_are_the_finite_pixels_above_the_threshold_in_row_major_order(
    score_map: NDArray[np.float32], threshold: float
) -> None:
    h, w = score_map.shape
    geometry = np.arange(h * w * 5, dtype=np.float32).reshape(h, w, 5)
    found = select_candidates(score_map, geometry, threshold)
    expected = [(i, j) for i in range(h) for j in range(w) if np.float32(threshold) < score_map[i, j] < np.inf]
    assert [tuple(pixel) for pixel in found.pixels.tolist()] == expected
    assert_array_equal(found.geometry[:, 0], [5 * (i * w + j) for i, j in expected])
    assert found.pixels.dtype == np.int32
    assert found.geometry.dtype == np.float32


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("value", range(5))
def test_a_pixel_with_broken_geometry_is_no_candidate(bad: float, value: int) -> None:
    geometry = np.ones((2, 2, 5), np.float32)
    geometry[0, 1, value] = bad
    found = select_candidates(np.ones((2, 2), np.float32), geometry, 0.5)
    assert found.pixels.tolist() == [[0, 0], [1, 0], [1, 1]]


def test_maps_may_be_views_and_read_only() -> None:
    maps = np.random.default_rng(0).uniform(size=(6, 8, 9)).astype(np.float32)
    maps.flags.writeable = False
    view = select_candidates(maps[::2, :, 0], maps[::2, :, 4:], 0.5)
    copy = select_candidates(maps[::2, :, 0].copy(), maps[::2, :, 4:].copy(), 0.5)
    assert len(view.pixels) > 0
    for one, other in zip(view, copy, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize(("score", "geometry"), [((3, 4), (3, 4, 4)), ((3, 4), (4, 3, 5)), ((1, 3, 4), (3, 4, 5))])
def test_maps_that_do_not_fit_together_are_named(score: tuple[int, ...], geometry: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"got \(") as caught:
        select_candidates(np.zeros(score, np.float32), np.zeros(geometry, np.float32), 0.5)
    assert str(score) in str(caught.value)
    assert str(geometry) in str(caught.value)


def test_an_upright_rectangle_is_spanned_by_its_distances() -> None:
    quads = decode_quads(candidate(5, 7, [1, 2, 3, 4, 0]))
    assert quads.dtype == np.float32
    assert_array_equal(quads, [[[24, 19], [30, 19], [30, 23], [24, 23]]])


def test_text_with_a_positive_angle_climbs_to_the_right() -> None:
    top_left, top_right, bottom_right, bottom_left = decode_quads(candidate(0, 0, [10, 20, 10, 20, np.pi / 6]))[0]
    side, slope = np.cos(np.pi / 6), np.sin(np.pi / 6)
    assert_allclose(top_right - top_left, [40 * side, -40 * slope], rtol=1e-5)
    assert_allclose(bottom_right - top_right, [20 * slope, 20 * side], rtol=1e-5)
    assert_allclose(top_left + bottom_right, [0, 0], atol=1e-5)
    assert_allclose(top_right + bottom_left, [0, 0], atol=1e-5)


@settings(deadline=None)
@given(words, st.floats(0, 1), st.floats(0, 1))
def test_an_encoded_rectangle_comes_back_from_every_pixel(word: Word, along: float, across: float) -> None:
    corners = word.quad().astype(np.float64)
    inside = corners[0] + along * (corners[1] - corners[0]) + across * (corners[3] - corners[0])
    column, row = np.floor(inside / 4).astype(int)
    geometry = encode(word, np.array([4.0 * column, 4.0 * row]))
    assert_allclose(decode_quads(candidate(row, column, geometry.tolist()))[0], corners, atol=2e-3)


def test_no_candidates_give_no_quads() -> None:
    none = select_candidates(np.zeros((4, 4), np.float32), np.zeros((4, 4, 5), np.float32), 0.5)
    assert decode_quads(none).shape == (0, 4, 2)
