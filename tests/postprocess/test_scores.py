from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from east.postprocess import mean_scores
from tests.support.words import SQUARE, Word, f32


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_is_the_mean_over_the_drawn_quad(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score_map = rng.uniform(size=(30, 40)).astype(np.float32)
    quads = rng.uniform(-40, 200, (5, 4, 2)).astype(np.float32)
    expected = []
    for quad in quads:
        mask = np.zeros(score_map.shape, np.uint8)
        cv2.fillPoly(mask, [np.floor(quad / 4).astype(np.int32)], (1,))
        expected.append(score_map[mask == 1].mean() if mask.any() else 0)
    found = mean_scores(score_map, quads)
    assert found.dtype == np.float32
    assert_allclose(found, expected, atol=1e-6)


def test_a_quad_over_the_border_is_scored_by_what_is_inside() -> None:
    quad = Word(0, 0, 300, 60, 0.3).quad()
    assert_allclose(mean_scores(np.full((64, 96), 0.75, np.float32), quad[None]), [0.75])


@pytest.mark.parametrize(
    "quad",
    [
        SQUARE - 100,
        SQUARE + f32(0, 4000),
        SQUARE * f32(0, 1),
        SQUARE * 0 + 10,
        SQUARE * np.nan,
        (SQUARE + 1) * f32(1, np.inf),
        SQUARE + 1e30,
    ],
    ids=["left", "below", "flat", "point", "nan", "inf", "far"],
)
def test_a_quad_with_nothing_in_it_scores_0(quad: NDArray[np.float32]) -> None:
    assert_array_equal(mean_scores(np.ones((16, 16), np.float32), quad[None]), [0])


def test_a_huge_quad_is_scored_by_the_whole_map() -> None:
    score_map = np.random.default_rng(0).uniform(size=(16, 16)).astype(np.float32)
    quads = np.stack([(SQUARE - 10) * np.float32(scale) for scale in (1e3, 1e9, 1e30)])
    assert_allclose(mean_scores(score_map, quads), score_map.mean(), rtol=1e-6)


def test_no_quads_have_no_scores() -> None:
    assert mean_scores(np.ones((16, 16), np.float32), np.zeros((0, 4, 2), np.float32)).shape == (0,)
