from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from east.errors import TooManyBoxesError
from east.postprocess import decode_quads, extract_boxes, locality_aware_nms, mean_scores, select_candidates
from east.types import Candidates, Size, Thresholds
from tests.support.plain_nms import plain_iou, plain_nms
from tests.support.words import Array32, Word, draw_maps

SIZE = Size(256, 384)
SQUARE = np.array([[0, 0], [20, 0], [20, 20], [0, 20]], np.float32)
WORDS = [
    Word(90, 60, 120, 30, 0.1),
    Word(280, 70, 150, 40, -0.2),
    Word(100, 190, 60, 24, 0.6),
    Word(270, 180, 90, 50, 0),
]
seeds = st.integers(0, 2**32)


def f32(*values: float) -> Array32:
    return np.array(values, np.float32)


def scattered(seed: int) -> tuple[Array32, Array32]:
    """Rectangles of all kinds, crowded enough to merge and to suppress each other."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 40))
    values = rng.uniform([0, 0, 5, 5, -np.pi / 4], [100, 100, 80, 80, np.pi / 4], (count, 5))
    quads = np.repeat([Word(*value).quad() for value in values.tolist()], rng.integers(1, 4, count), axis=0)
    quads += rng.normal(0, 2, quads.shape).astype(np.float32)
    return quads, rng.uniform(0.8, 1, len(quads)).astype(np.float32)


def candidates_of(words: list[Word], seed: int = 0, noise: float = 0.03) -> Candidates:
    score, geometry = draw_maps(words, SIZE, np.random.default_rng(seed), noise)
    return select_candidates(score, geometry, 0.8)


class TestLocalityAwareNms:
    @settings(deadline=None)
    @given(seeds, st.sampled_from([0.0, 0.2, 0.5, 0.9]))
    def test_agrees_with_the_plain_one(self, seed: int, threshold: float) -> None:
        quads, scores = scattered(seed)
        kept, sums = locality_aware_nms(quads, scores, threshold)
        expected_quads, expected_sums = plain_nms(quads, scores, threshold)
        assert_allclose(sums, expected_sums, rtol=1e-5)
        assert_allclose(kept, expected_quads, atol=1e-3)
        assert kept.dtype == sums.dtype == np.float32

    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_the_plain_one_on_maps(self, seed: int) -> None:
        candidates = candidates_of(WORDS, seed)
        quads, scores = decode_quads(candidates), candidates.score_map[tuple(candidates.pixels.T)]
        kept, sums = locality_aware_nms(quads, scores, 0.2)
        expected_quads, expected_sums = plain_nms(quads, scores, 0.2)
        assert_allclose(sums, expected_sums, rtol=1e-5)
        assert_allclose(kept, expected_quads, atol=1e-3)

    def test_nothing_comes_of_nothing(self) -> None:
        kept, sums = locality_aware_nms(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32), 0.2)
        assert (kept.shape, sums.shape) == ((0, 4, 2), (0,))

    def test_one_quad_stays_as_it_is(self) -> None:
        kept, sums = locality_aware_nms(SQUARE[None], f32(0.9), 0.2)
        assert_array_equal(kept, SQUARE[None])
        assert_array_equal(sums, f32(0.9))

    def test_a_million_equal_quads_become_one_without_drift(self) -> None:
        quad = SQUARE + np.float32(1234.567)
        kept, sums = locality_aware_nms(np.tile(quad, (10**6, 1, 1)), np.full(10**6, 0.9, np.float32), 0.2)
        assert_array_equal(kept, quad[None])
        assert_allclose(sums, 9e5, rtol=1e-6)

    def test_quads_merge_by_score(self) -> None:
        kept, sums = locality_aware_nms(np.stack([SQUARE, SQUARE + 4]), f32(3, 1), 0.2)
        assert_allclose(kept, [SQUARE + 1])
        assert_allclose(sums, [4])

    def test_only_neighbours_in_the_list_merge(self) -> None:
        far = SQUARE + 100
        kept, sums = locality_aware_nms(np.stack([SQUARE, far, SQUARE + 4]), f32(1, 2, 3), 0.2)
        assert_array_equal(kept, [SQUARE + 4, far])
        assert_array_equal(sums, f32(3, 2))

    def test_corners_a_quarter_turn_apart_do_not_shrink_the_word(self) -> None:
        one, other = Word(50, 50, 30, 30, np.pi / 4).quad(), Word(50, 50, 30, 30, -np.pi / 4).quad()
        kept, _ = locality_aware_nms(np.stack([one, other]), np.ones(2, np.float32), 0.2)
        assert_allclose(kept, [one], atol=1e-4)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_quads_and_scores_that_are_not_finite_are_left_out(self, bad: float) -> None:
        quads, scores = np.stack([SQUARE, SQUARE, SQUARE, SQUARE + 100]), np.ones(4, np.float32)
        quads[1, 2, 0] = bad
        scores[2] = bad
        kept, sums = locality_aware_nms(quads, scores, 0.2)
        assert_array_equal(kept, [SQUARE, SQUARE + 100])
        assert_array_equal(sums, [1, 1])

    def test_flat_quads_are_left_out(self) -> None:
        kept, _ = locality_aware_nms(np.stack([SQUARE * 0, SQUARE * f32(1, 0), SQUARE]), np.ones(3, np.float32), 0.2)
        assert_array_equal(kept, [SQUARE])

    @settings(deadline=None)
    @given(seeds, st.integers(-1000, 1000), st.integers(-1000, 1000), st.sampled_from([0.25, 1, 4, 1024]))
    def test_moving_and_scaling_the_quads_moves_and_scales_the_result(
        self, seed: int, x: int, y: int, scale: float
    ) -> None:
        quads, scores = scattered(seed)
        kept, sums = locality_aware_nms(quads, scores, 0.2)
        other, other_sums = locality_aware_nms((quads + f32(x, y)) * np.float32(scale), scores, 0.2)
        assert_allclose(other, (kept + f32(x, y)) * scale, atol=1e-2 * scale)
        assert_array_equal(other_sums, sums)

    @settings(deadline=None)
    @given(seeds, st.floats(0, 1))
    def test_what_stays_does_not_overlap_and_comes_best_first(self, seed: int, threshold: float) -> None:
        kept, sums = locality_aware_nms(*scattered(seed), threshold)
        assert all(sums[:-1] >= sums[1:])
        for k, quad in enumerate(kept):
            assert all(plain_iou(quad, better) <= threshold + 1e-4 for better in kept[:k])

    def test_no_more_than_the_limit_are_compared(self) -> None:
        quads, scores = scattered(1)
        merged = len(locality_aware_nms(quads, scores, 1.0)[0])  # nothing is more than the same: all stay
        assert_array_equal(locality_aware_nms(quads, scores, 1.0, merged)[0], locality_aware_nms(quads, scores, 1.0)[0])
        with pytest.raises(TooManyBoxesError, match=f"leave {merged} boxes to compare, the limit is {merged - 1}: "):
            locality_aware_nms(quads, scores, 1.0, merged - 1)

    @pytest.mark.parametrize(("quads", "scores"), [((3, 8), (3,)), ((3, 4, 2), (2,)), ((4, 2), (4,))])
    def test_arrays_that_do_not_fit_together_are_named(self, quads: tuple[int, ...], scores: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"expected quads \(K, 4, 2\) and scores \(K,\)"):
            locality_aware_nms(np.zeros(quads, np.float32), np.zeros(scores, np.float32), 0.2)


class TestMeanScores:
    @settings(deadline=None)
    @given(seeds)
    def test_is_the_mean_over_the_drawn_quad(self, seed: int) -> None:
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

    def test_a_quad_over_the_border_is_scored_by_what_is_inside(self) -> None:
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
    def test_a_quad_with_nothing_in_it_scores_0(self, quad: NDArray[np.float32]) -> None:
        assert_array_equal(mean_scores(np.ones((16, 16), np.float32), quad[None]), [0])

    def test_a_huge_quad_is_scored_by_the_whole_map(self) -> None:
        score_map = np.random.default_rng(0).uniform(size=(16, 16)).astype(np.float32)
        quads = np.stack([(SQUARE - 10) * np.float32(scale) for scale in (1e3, 1e9, 1e30)])
        assert_allclose(mean_scores(score_map, quads), score_map.mean(), rtol=1e-6)

    def test_no_quads_have_no_scores(self) -> None:
        assert mean_scores(np.ones((16, 16), np.float32), np.zeros((0, 4, 2), np.float32)).shape == (0,)


class TestExtractBoxes:
    @pytest.mark.parametrize("seed", range(5))
    def test_finds_the_words_that_were_drawn(self, seed: int) -> None:
        quads, scores = extract_boxes(candidates_of(WORDS, seed), Thresholds())
        assert len(quads) == len(WORDS)
        for word in WORDS:
            overlaps = [plain_iou(quad, word.quad()) for quad in quads]
            best = quads[int(np.argmax(overlaps))]
            assert max(overlaps) > 0.85
            assert np.abs(best - word.quad()).max() < 0.1 * word.width  # corner by corner: the same comes first
        assert np.all((scores > 0.3) & (scores <= 1))

    def test_neighbouring_words_stay_apart(self) -> None:
        words = [Word(60 + 84 * k, 100, 80, 30, 0) for k in range(4)]
        quads, _ = extract_boxes(candidates_of(words), Thresholds())
        assert sorted(round(float(x) / 84) for x in quads[:, :, 0].mean(axis=1) - 60) == [0, 1, 2, 3]

    def test_a_word_as_long_as_the_image_stays_whole(self) -> None:
        quads, _ = extract_boxes(candidates_of([Word(192, 128, 370, 24, 0.05)]), Thresholds())
        assert len(quads) == 1
        assert plain_iou(quads[0], Word(192, 128, 370, 24, 0.05).quad()) > 0.8

    def test_is_the_steps_in_order(self) -> None:
        candidates = candidates_of(WORDS)
        merged, _ = locality_aware_nms(decode_quads(candidates), candidates.score_map[tuple(candidates.pixels.T)], 0.3)
        expected = mean_scores(candidates.score_map, merged)
        quads, scores = extract_boxes(candidates, Thresholds(nms=0.3, box=0))
        assert_array_equal(scores, -np.sort(-expected))
        assert {quad.tobytes() for quad in quads} == {quad.tobytes() for quad in merged}

    def test_the_same_candidates_give_the_same_boxes(self) -> None:
        first, second = (extract_boxes(candidates_of(WORDS), Thresholds()) for _ in range(2))
        assert_array_equal(first[0], second[0])
        assert_array_equal(first[1], second[1])

    def test_boxes_below_the_box_threshold_are_dropped(self) -> None:
        candidates = candidates_of(WORDS)
        _, scores = extract_boxes(candidates, Thresholds(box=0))
        _, left = extract_boxes(candidates, Thresholds(box=float(scores[1])))
        assert_array_equal(left, scores[:2])

    def test_no_candidates_give_no_boxes(self) -> None:
        quads, scores = extract_boxes(candidates_of([]), Thresholds())
        assert quads.shape == (0, 4, 2)
        assert scores.shape == (0,)
        assert quads.dtype == scores.dtype == np.float32

    def test_broken_geometry_and_scores_do_not_spread(self) -> None:
        whole = candidates_of(WORDS)
        geometry, score_map = whole.geometry.copy(), whole.score_map.copy()
        geometry[::7] = np.nan
        geometry[3::7, :4] = np.inf
        geometry[5::7, :4] = 0
        score_map[0, 0] = np.nan
        quads, scores = extract_boxes(Candidates(whole.pixels, geometry, score_map), Thresholds())
        assert len(quads) == len(WORDS)
        assert np.isfinite(quads).all()
        assert np.isfinite(scores).all()
