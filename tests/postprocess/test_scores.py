from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from east.options import DEFAULTS
from east.postprocess import decode_quads, extract_boxes, locality_aware_nms, mean_scores
from east.types import Candidates
from tests.support.plain_nms import plain_iou
from tests.support.words import SQUARE, WORDS, Array32, Word, candidates_of, f32


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


def extract(candidates: Candidates) -> tuple[Array32, Array32]:
    return extract_boxes(candidates, DEFAULTS.nms_threshold, DEFAULTS.box_threshold)


@pytest.mark.parametrize("seed", range(5))
def test_finds_the_words_that_were_drawn(seed: int) -> None:
    quads, scores = extract(candidates_of(WORDS, seed))
    assert len(quads) == len(WORDS)
    for word in WORDS:
        overlaps = [plain_iou(quad, word.quad()) for quad in quads]
        best = quads[int(np.argmax(overlaps))]
        assert max(overlaps) > 0.85
        assert np.abs(best - word.quad()).max() < 0.1 * word.width  # corner by corner: the same comes first
    assert np.all((scores > 0.3) & (scores <= 1))


def test_neighbouring_words_stay_apart() -> None:
    words = [Word(60 + 84 * k, 100, 80, 30, 0) for k in range(4)]
    quads, _ = extract(candidates_of(words))
    assert sorted(round(float(x) / 84) for x in quads[:, :, 0].mean(axis=1) - 60) == [0, 1, 2, 3]


def test_a_word_as_long_as_the_image_stays_whole() -> None:
    quads, _ = extract(candidates_of([Word(192, 128, 370, 24, 0.05)]))
    assert len(quads) == 1
    assert plain_iou(quads[0], Word(192, 128, 370, 24, 0.05).quad()) > 0.8


def test_is_the_steps_in_order() -> None:
    candidates = candidates_of(WORDS)
    merged, _ = locality_aware_nms(decode_quads(candidates), candidates.score_map[tuple(candidates.pixels.T)], 0.3)
    expected = mean_scores(candidates.score_map, merged)
    quads, scores = extract_boxes(candidates, 0.3, 0)
    assert_array_equal(scores, -np.sort(-expected))
    assert {quad.tobytes() for quad in quads} == {quad.tobytes() for quad in merged}


def test_the_same_candidates_give_the_same_boxes() -> None:
    first, second = (extract(candidates_of(WORDS)) for _ in range(2))
    assert_array_equal(first[0], second[0])
    assert_array_equal(first[1], second[1])


def test_boxes_below_the_box_threshold_are_dropped() -> None:
    candidates = candidates_of(WORDS)
    _, scores = extract_boxes(candidates, DEFAULTS.nms_threshold, 0)
    _, left = extract_boxes(candidates, DEFAULTS.nms_threshold, float(scores[1]))
    assert_array_equal(left, scores[:2])


def test_no_candidates_give_no_boxes() -> None:
    quads, scores = extract(candidates_of([]))
    assert quads.shape == (0, 4, 2)
    assert scores.shape == (0,)
    assert quads.dtype == scores.dtype == np.float32


def test_broken_geometry_and_scores_do_not_spread() -> None:
    whole = candidates_of(WORDS)
    geometry, score_map = whole.geometry.copy(), whole.score_map.copy()
    geometry[::7] = np.nan
    geometry[3::7, :4] = np.inf
    geometry[5::7, :4] = 0
    score_map[0, 0] = np.nan
    quads, scores = extract(Candidates(whole.pixels, geometry, score_map))
    assert len(quads) == len(WORDS)
    assert np.isfinite(quads).all()
    assert np.isfinite(scores).all()
