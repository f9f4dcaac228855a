"""Reliability, its error, and the curve that is fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from east.errors import EvaluationError
from east.icdar import Detected, GroundTruth
from east.metrics import counted_matches, score
from east.postprocess import ConfidenceCurve
from eval.calibration import BINS, expected_calibration_error, fit, fit_curve, reliability
from eval.dataset import Icdar2015
from eval.run import Run

SQUARE = np.array([[0, 0], [40, 0], [40, 20], [0, 20]], np.int32)

boxes = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def found(*boxes: tuple[float, bool]) -> tuple[dict[str, GroundTruth], dict[str, Detected]]:
    """One image a box, which is a word or not."""
    truths = {str(k): GroundTruth(SQUARE[None] + 100 * (not word), ("word",)) for k, (_, word) in enumerate(boxes)}
    detected = {str(k): Detected(SQUARE[None], np.array([value])) for k, (value, _) in enumerate(boxes)}
    return truths, detected


@settings(deadline=None, max_examples=30)
@given(boxes)
def test_bins_hold_every_detection_once(boxes: list[tuple[float, bool]]) -> None:
    truths, detected = found(*boxes)
    bins = reliability(detected, score(truths, detected))
    assert [one.low for one in bins] == pytest.approx(np.arange(BINS) / BINS)
    assert sum(one.detections for one in bins) == len(boxes)
    assert sum(one.matched for one in bins) == sum(word for _, word in boxes)
    for k, one in enumerate(bins):
        mine = [value for value, _ in boxes if min(int(value * BINS), BINS - 1) == k]
        assert one.detections == len(mine)
        assert one.confidence == pytest.approx(np.mean(mine) if mine else 0)
    assert 0 <= expected_calibration_error(bins) <= 1


def test_scores_that_come_true_have_no_error() -> None:
    truths, detected = found(*[(0.75, True)] * 3, (0.75, False), (0.25, True), *[(0.25, False)] * 3)
    bins = reliability(detected, score(truths, detected))
    assert expected_calibration_error(bins) == pytest.approx(0)
    assert (bins[7].precision, bins[7].confidence, bins[2].precision) == (0.75, 0.75, 0.25)


def test_the_error_is_the_mean_distance() -> None:
    truths, detected = found((0.9, False), (1.0, True), (0.55, True), (0.55, False))
    assert expected_calibration_error(reliability(detected, score(truths, detected))) == pytest.approx(
        (2 * abs(0.95 - 0.5) + 2 * abs(0.55 - 0.5)) / 4
    )


def test_detections_in_dont_care_words_do_not_count(made_up: Icdar2015, run_of: Callable[..., Run]) -> None:
    run = run_of(made_up)
    bins = reliability(run.detected, run.score)
    assert sum(one.detections for one in bins) == run.score.counts.detections
    assert sum(one.matched for one in bins) == run.score.counts.matched


def test_nothing_found_has_no_error() -> None:
    assert expected_calibration_error(reliability({}, score({}, {}))) == 0


def drawn(slope: float, shift: float, count: int = 20_000) -> tuple[NDArray[Any], NDArray[Any]]:
    """Scores, and which are words, as a curve says."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.8, 1, count)
    return scores, rng.uniform(size=count) < ConfidenceCurve(slope, shift)(scores.astype(np.float32))


@pytest.mark.parametrize(("slope", "shift"), [(1, 0), (0.6, -1), (2, -3)])
def test_a_fit_finds_the_curve_that_words_follow(slope: float, shift: float) -> None:
    scores, right = drawn(slope, shift)
    curve = fit_curve(scores, right)
    assert_allclose((curve.slope, curve.shift), (slope, shift), atol=0.25)
    confidences = curve(scores.astype(np.float32))
    assert confidences.mean() == pytest.approx(right.mean(), abs=1e-3)


def test_scores_that_tell_all_words_apart_give_no_boundless_certainty() -> None:
    scores = np.array([0.81, 0.82, 0.83, 0.97, 0.98, 0.99])
    curve = fit_curve(scores, scores > 0.9)
    assert np.all((curve(np.array([0.8, 0.999], np.float32)) > 0.005) & (curve(f32([0.8, 0.999])) < 0.995))


def f32(values: list[float]) -> NDArray[Any]:
    return np.array(values, np.float32)


@pytest.mark.parametrize("right", [[True, True, True], [False, False, False]])
def test_a_fit_needs_words_and_others(right: list[bool]) -> None:
    with pytest.raises(EvaluationError, match="take more images"):
        fit_curve(np.array([0.8, 0.9, 0.95]), np.array(right))


def test_scores_that_fall_where_words_are_make_no_curve() -> None:
    scores, right = drawn(1, 0)
    with pytest.raises(EvaluationError, match="no confidence can be made of them"):
        fit_curve(scores, ~right)


def test_a_fit_of_a_run_says_how_good_it_is(made_up: Icdar2015, run_of: Callable[..., Run]) -> None:
    run = run_of(made_up)
    fitted = fit(made_up, run)
    scores, right = counted_matches(run.detected, run.score.images)
    assert (fitted.boxes, fitted.right, fitted.ap) == (len(scores), right.sum(), run.score.ap)
    assert fitted.curve == fit_curve(scores, right)
    assert 0 < fitted.ece < 1
