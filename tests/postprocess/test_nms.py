from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from east.errors import TooManyBoxesError
from east.postprocess import decode_quads, locality_aware_nms
from tests.support.plain_nms import plain_iou, plain_nms
from tests.support.words import SQUARE, WORDS, Array32, Word, candidates_of, f32

seeds = st.integers(0, 2**32)


def scattered(seed: int) -> tuple[Array32, Array32]:
    """Rectangles of all kinds, crowded enough to merge and to suppress each other."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    values = rng.uniform([0, 0, 5, 5, -np.pi / 4], [100, 100, 80, 80, np.pi / 4], (count, 5))
    quads = np.repeat([Word(*value).quad() for value in values.tolist()], rng.integers(1, 4, count), axis=0)
    quads += rng.normal(0, 2, quads.shape).astype(np.float32)
    return quads, rng.uniform(0.8, 1, len(quads)).astype(np.float32)


@settings(deadline=None)
@given(seeds, st.sampled_from([0.0, 0.2, 0.5, 0.9]))
def test_agrees_with_the_plain_one(seed: int, threshold: float) -> None:
    quads, scores = scattered(seed)
    kept, sums = locality_aware_nms(quads, scores, threshold)
    expected_quads, expected_sums = plain_nms(quads, scores, threshold)
    assert_allclose(sums, expected_sums, rtol=1e-5)
    assert_allclose(kept, expected_quads, atol=1e-3)
    assert kept.dtype == sums.dtype == np.float32


@pytest.mark.parametrize("seed", range(5))
def test_agrees_with_the_plain_one_on_maps(seed: int) -> None:
    candidates = candidates_of(WORDS, seed)
    quads, scores = decode_quads(candidates), candidates.score_map[tuple(candidates.pixels.T)]
    kept, sums = locality_aware_nms(quads, scores, 0.2)
    expected_quads, expected_sums = plain_nms(quads, scores, 0.2)
    assert_allclose(sums, expected_sums, rtol=1e-5)
    assert_allclose(kept, expected_quads, atol=1e-3)


def test_nothing_comes_of_nothing() -> None:
    kept, sums = locality_aware_nms(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32), 0.2)
    assert (kept.shape, sums.shape) == ((0, 4, 2), (0,))


def test_one_quad_stays_as_it_is() -> None:
    kept, sums = locality_aware_nms(SQUARE[None], f32(0.9), 0.2)
    assert_array_equal(kept, SQUARE[None])
    assert_array_equal(sums, f32(0.9))


def test_a_million_equal_quads_become_one_without_drift() -> None:
    quad = SQUARE + np.float32(1234.567)
    kept, sums = locality_aware_nms(np.tile(quad, (10**6, 1, 1)), np.full(10**6, 0.9, np.float32), 0.2)
    assert_array_equal(kept, quad[None])
    assert_allclose(sums, 9e5, rtol=1e-6)


def test_quads_merge_by_score() -> None:
    kept, sums = locality_aware_nms(np.stack([SQUARE, SQUARE + 4]), f32(3, 1), 0.2)
    assert_allclose(kept, [SQUARE + 1])
    assert_allclose(sums, [4])


def test_only_neighbours_in_the_list_merge() -> None:
    far = SQUARE + 100
    kept, sums = locality_aware_nms(np.stack([SQUARE, far, SQUARE + 4]), f32(1, 2, 3), 0.2)
    assert_array_equal(kept, [SQUARE + 4, far])
    assert_array_equal(sums, f32(3, 2))


def test_corners_a_quarter_turn_apart_do_not_shrink_the_word() -> None:
    one, other = Word(50, 50, 30, 30, np.pi / 4).quad(), Word(50, 50, 30, 30, -np.pi / 4).quad()
    kept, _ = locality_aware_nms(np.stack([one, other]), np.ones(2, np.float32), 0.2)
    assert_allclose(kept, [one], atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_quads_and_scores_that_are_not_finite_are_left_out(bad: float) -> None:
    quads, scores = np.stack([SQUARE, SQUARE, SQUARE, SQUARE + 100]), np.ones(4, np.float32)
    quads[1, 2, 0] = bad
    scores[2] = bad
    kept, sums = locality_aware_nms(quads, scores, 0.2)
    assert_array_equal(kept, [SQUARE, SQUARE + 100])
    assert_array_equal(sums, [1, 1])


def test_flat_quads_are_left_out() -> None:
    kept, _ = locality_aware_nms(np.stack([SQUARE * 0, SQUARE * f32(1, 0), SQUARE]), np.ones(3, np.float32), 0.2)
    assert_array_equal(kept, [SQUARE])


@settings(deadline=None)
@given(seeds, st.integers(-1000, 1000), st.integers(-1000, 1000), st.sampled_from([0.25, 1, 4, 1024]))
def test_moving_and_scaling_the_quads_moves_and_scales_the_result(seed: int, x: int, y: int, scale: float) -> None:
    quads, scores = scattered(seed)
    kept, sums = locality_aware_nms(quads, scores, 0.2)
    other, other_sums = locality_aware_nms((quads + f32(x, y)) * np.float32(scale), scores, 0.2)
    assert_allclose(other, (kept + f32(x, y)) * scale, atol=1e-2 * scale)
    assert_array_equal(other_sums, sums)


@settings(deadline=None)
@given(seeds, st.floats(0, 1))
def test_what_stays_does_not_overlap_and_comes_best_first(seed: int, threshold: float) -> None:
    kept, sums = locality_aware_nms(*scattered(seed), threshold)
    assert all(sums[:-1] >= sums[1:])
    for k, quad in enumerate(kept):
        assert all(plain_iou(quad, better) <= threshold + 1e-4 for better in kept[:k])


def test_no_more_than_the_limit_are_compared() -> None:
    quads, scores = scattered(1)
    merged = len(locality_aware_nms(quads, scores, 1.0)[0])  # nothing is more than the same: all stay
    assert_array_equal(locality_aware_nms(quads, scores, 1.0, merged)[0], locality_aware_nms(quads, scores, 1.0)[0])
    told = rf"leave {merged} boxes to compare, the limit is {merged - 1} \(max_boxes\): raise score_threshold or lower "
    with pytest.raises(TooManyBoxesError, match=told):
        locality_aware_nms(quads, scores, 1.0, merged - 1)


@pytest.mark.parametrize(("quads", "scores"), [((3, 8), (3,)), ((3, 4, 2), (2,)), ((4, 2), (4,))])
def test_arrays_that_do_not_fit_together_are_named(quads: tuple[int, ...], scores: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected quads \(K, 4, 2\) and scores \(K,\)"):
        locality_aware_nms(np.zeros(quads, np.float32), np.zeros(scores, np.float32), 0.2)
