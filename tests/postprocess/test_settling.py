from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from east.postprocess import extract_boxes, settle
from east.types import Candidates
from tests.support.plain_nms import plain_iou
from tests.support.words import WORDS, Array32, Word, candidates_of, encode

LONG = Word(200, 100, 320, 24, 0.1)


def seen(core: Word, words: list[Word]) -> Candidates:
    """The candidates in the core of a word, each of which takes it for one of several words, in turns."""
    points = 4.0 * np.stack(np.meshgrid(np.arange(120), np.arange(80)), axis=-1)
    pixels = np.argwhere(encode(core, points)[..., :4].min(axis=-1) >= 0.3 * core.height).astype(np.int32)
    geometry = [encode(words[k % len(words)], 4.0 * pixel[::-1]) for k, pixel in enumerate(pixels)]
    return Candidates(pixels, np.array(geometry, np.float32), np.full((80, 120), 0.95, np.float32))


def mean_box(candidates: Candidates) -> Array32:
    quads, _ = extract_boxes(candidates, 0.2, 0.1)
    return quads[:1]


def test_a_minority_that_sees_another_word_moves_nothing() -> None:
    reaching_over = LONG._replace(x=LONG.x + 50, width=LONG.width + 100)
    candidates = seen(LONG, [LONG, LONG, reaching_over])
    before = mean_box(candidates)
    assert plain_iou(before[0], LONG.quad()) < 0.95
    assert_allclose(settle(before, candidates)[0], LONG.quad(), atol=0.6)  # the direction of the mean


def test_each_end_is_where_those_near_to_it_see_it() -> None:
    candidates = seen(LONG, [LONG])
    reach = np.float32(220)  # further than that no pixel of a network sees
    geometry = candidates.geometry.copy()
    geometry[:, [1, 3]] = np.minimum(geometry[:, [1, 3]], reach)
    candidates = candidates._replace(geometry=geometry)
    before = mean_box(candidates)
    after = settle(before, candidates)
    assert plain_iou(before[0], LONG.quad()) < 0.93
    assert plain_iou(after[0], LONG.quad()) > 0.97


@settings(deadline=None, max_examples=25)
@given(st.floats(60, 300), st.floats(20, 60), st.floats(-0.75, 0.75))
def test_where_all_agree_nothing_changes(width: float, height: float, angle: float) -> None:
    word = Word(240, 160, width, height, angle)
    candidates = seen(word, [word])
    assert_allclose(settle(word.quad()[None], candidates)[0], word.quad(), atol=1e-2)


def test_noise_is_averaged_out_and_every_box_keeps_its_place() -> None:
    candidates = candidates_of(WORDS)
    before, _ = extract_boxes(candidates, 0.2, 0.1)
    after = settle(before, candidates)
    assert after.dtype == np.float32
    for quad, moved in zip(before, after, strict=True):
        word = max(WORDS, key=lambda word: plain_iou(quad, word.quad()))
        assert plain_iou(moved, word.quad()) > 0.93
    assert_array_equal(settle(before[::-1], candidates), after[::-1])


def test_what_hardly_any_candidate_sees_stays() -> None:
    candidates = candidates_of(WORDS)
    whole = Word(185, 65, 320, 60, 0).quad()  # of two words
    elsewhere = Word(2000, -300, 90, 30, 0.3).quad()
    broken = np.full((4, 2), np.nan, np.float32)
    quads = np.array([whole, elsewhere, broken, np.zeros((4, 2)), np.full((4, 2), np.inf)], np.float32)
    assert_array_equal(settle(quads, candidates), quads)
    few = candidates._replace(pixels=candidates.pixels[:2], geometry=candidates.geometry[:2])
    assert_array_equal(settle(WORDS[0].quad()[None], few), WORDS[0].quad()[None])
    none = candidates._replace(pixels=candidates.pixels[:0], geometry=candidates.geometry[:0])
    assert_array_equal(settle(quads, none), quads)
    assert settle(quads[:0], candidates).shape == (0, 4, 2)


def test_candidates_that_are_broken_count_for_nothing() -> None:
    candidates = seen(LONG, [LONG])
    geometry = candidates.geometry.copy()
    geometry[::3] = np.nan
    geometry[1::3, :4] = 1e30
    settled = settle(LONG.quad()[None], candidates._replace(geometry=geometry))
    assert_allclose(settled[0], LONG.quad(), atol=1e-2)
