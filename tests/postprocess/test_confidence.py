from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from east.options import DEFAULTS
from east.postprocess import ConfidenceCurve, core_peaks, extract_boxes, mean_scores, scorer
from east.types import Candidates
from tests.support.words import SQUARE, WORDS, Word, candidates_of, f32

curves = st.builds(ConfidenceCurve, st.floats(0.01, 50), st.floats(-50, 50))


@given(curves, st.lists(st.floats(0, 1, width=32), min_size=2, max_size=40))
def test_a_curve_rises_and_stays_between_0_and_1(curve: ConfidenceCurve, scores: list[float]) -> None:
    ordered = np.sort(np.array(scores, np.float32))
    found = curve(ordered)
    assert found.dtype == np.float32
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found) >= 0)


@given(st.floats(0.001, 0.999))
def test_slope_1_and_shift_0_change_nothing(score: float) -> None:
    assert_allclose(ConfidenceCurve(1, 0)(f32(score)), [score], rtol=1e-5)


def test_a_score_of_0_stays_0_whatever_the_shift() -> None:
    assert_array_equal(ConfidenceCurve(1, 40)(f32(0)), [0])


@pytest.mark.parametrize(("slope", "shift"), [(0, 0), (-1, 0), (math.inf, 0), (math.nan, 0), (1, math.nan)])
def test_a_curve_that_does_not_rise_is_refused(slope: float, shift: float) -> None:
    with pytest.raises(ValueError, match="positive slope"):
        ConfidenceCurve(slope, shift)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32))
def test_is_the_highest_score_in_the_core(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score_map = rng.uniform(size=(60, 80)).astype(np.float32)
    width, height = rng.uniform(20, 250), rng.uniform(20, 100)
    quad = Word(rng.uniform(40, 280), rng.uniform(40, 200), width, height, rng.uniform(-1.5, 1.5)).quad()
    inset = min(0.3 * min(width, height), (min(width, height) - 4.5) / 2)
    centre, along, down = quad.mean(axis=0), quad[1] - quad[0], quad[3] - quad[0]
    rows, columns = np.indices(score_map.shape)
    offsets = np.stack([4 * columns, 4 * rows], axis=-1) - centre
    inside = (np.abs(offsets @ (along / np.linalg.norm(along))) <= width / 2 - inset) & (
        np.abs(offsets @ (down / np.linalg.norm(down))) <= height / 2 - inset
    )
    expected = score_map[inside].max() if inside.any() else None
    [found] = core_peaks(score_map, quad[None])
    if expected is None:
        column, row = np.rint(centre / 4).astype(int)
        expected = score_map[row, column] if (0 <= row < 60 and 0 <= column < 80) else 0
    assert found == pytest.approx(expected)


def test_a_core_between_the_pixels_has_the_nearest_ones_score() -> None:
    score_map = np.zeros((16, 16), np.float32)
    score_map[5, 6] = 0.75
    small = np.array([(23, 20.5), (26, 20.5), (26, 22), (23, 22)], np.float32)  # no multiple of 4 lies inside in y
    assert_array_equal(core_peaks(score_map, small[None]), [0.75])


def test_what_lies_around_the_core_does_not_count() -> None:
    quad = Word(160, 120, 120, 60, 0.2).quad()
    score_map = np.full((60, 80), 0.25, np.float32)
    drawn = np.zeros(score_map.shape, np.uint8)
    cv2.polylines(drawn, [np.rint(quad / 4).astype(np.int32)], isClosed=True, color=(1,))
    score_map[drawn == 1] = 1
    assert_array_equal(core_peaks(score_map, quad[None]), [0.25])


def test_pixels_without_a_number_are_passed_over() -> None:
    score_map = np.full((16, 16), np.nan, np.float32)
    assert_array_equal(core_peaks(score_map, SQUARE[None]), [0])
    score_map[::2] = 0.5
    assert_array_equal(core_peaks(score_map, SQUARE[None]), [0.5])


@pytest.mark.parametrize(
    "quad",
    [SQUARE - 100, SQUARE + f32(0, 4000), SQUARE * f32(0, 1), SQUARE * 0 + 10, SQUARE * np.nan, SQUARE + 1e30],
    ids=["left", "below", "flat", "point", "nan", "far"],
)
def test_a_quad_with_nothing_in_it_scores_0(quad: NDArray[np.float32]) -> None:
    assert_array_equal(core_peaks(np.ones((16, 16), np.float32), quad[None]), [0])


def test_a_huge_quad_has_the_highest_score_of_the_map() -> None:
    score_map = np.random.default_rng(0).uniform(size=(16, 16)).astype(np.float32)
    quads = np.stack([(SQUARE - 10) * np.float32(scale) for scale in (1e3, 1e9, 1e18)])
    assert_array_equal(core_peaks(score_map, quads), np.full(3, score_map.max()))


def test_no_quads_have_no_peaks() -> None:
    assert core_peaks(np.ones((16, 16), np.float32), np.zeros((0, 4, 2), np.float32)).shape == (0,)


def boxes(candidates: Candidates, scoring: str, threshold: float, curve: ConfidenceCurve | None = None):  # type: ignore[no-untyped-def]
    rule = scorer(scoring, curve)  # type: ignore[arg-type]
    return extract_boxes(candidates, DEFAULTS.nms_threshold, threshold, score=rule)


def test_the_original_rule_is_what_it_was_to_the_digit() -> None:
    candidates = candidates_of(WORDS)
    quads, scores = boxes(candidates, "original", 0.1, ConfidenceCurve(2, 1))
    plain, means = extract_boxes(candidates, DEFAULTS.nms_threshold, 0.1)
    assert_array_equal(quads, plain)
    assert_array_equal(scores, means)
    assert_array_equal(scores, mean_scores(candidates.score_map, quads))


def test_the_rules_find_the_same_boxes_and_score_them_each_its_way() -> None:
    candidates, curve = candidates_of(WORDS), ConfidenceCurve(0.5, -1)
    by_mean, _ = boxes(candidates, "original", 0)
    by_peak, peaks = boxes(candidates, "peak", 0, curve)
    quads, scores = boxes(candidates, "confidence", 0, curve)
    assert {quad.tobytes() for quad in by_mean} == {quad.tobytes() for quad in quads}
    assert_array_equal(quads, by_peak)  # a curve rises: the order is the same
    assert_array_equal(scores, curve(peaks))
    assert_array_equal(peaks, core_peaks(candidates.score_map, quads))


def test_without_a_curve_a_confidence_is_the_peak() -> None:
    candidates = candidates_of(WORDS)
    assert_array_equal(boxes(candidates, "confidence", 0)[1], boxes(candidates, "peak", 0)[1])


def test_the_box_threshold_is_of_the_score_by_the_rule() -> None:
    candidates, curve = candidates_of(WORDS), ConfidenceCurve(0.5, -1)
    _, scores = boxes(candidates, "confidence", 0, curve)
    assert len(np.unique(scores)) > 1
    _, left = boxes(candidates, "confidence", float(scores[1]), curve)
    assert_array_equal(left, scores[scores >= scores[1]])
