from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from east.postprocess import extract_boxes, join, select_candidates
from east.types import Size
from tests.support.plain_nms import plain_iou
from tests.support.words import SQUARE, WORDS, Array32, Word, candidates_of, draw_maps, f32

SIZE = Size(448, 512)
TEXT = np.ones((112, 128), np.float32)
"""A map that takes everything for text."""


def parts(word: Word, cuts: list[float], gap: float) -> list[Word]:
    """The pieces of a word cut at shares of its width, ``gap`` heights apart, or over each other if it is negative."""
    along, _ = word.axes()
    pieces = []
    for start, end in pairwise([0, *cuts, 1]):
        middle, room = (start + end) / 2 - 0.5, gap * word.height
        x, y = np.array([word.x, word.y]) + along * middle * word.width
        pieces.append(Word(x, y, (end - start) * word.width - room, word.height, word.angle))
    return pieces


def quads_of(words: list[Word]) -> Array32:
    return np.array([word.quad() for word in words], np.float32).reshape(-1, 4, 2)


def scored(words: list[Word]) -> tuple[Array32, Array32]:
    return quads_of(words), np.linspace(0.9, 0.3, len(words), dtype=np.float32)


def map_of(words: list[Word], size: Size = SIZE) -> Array32:
    score, _ = draw_maps(words, size, np.random.default_rng(0), 0)
    return score


long_words = st.builds(
    Word,
    x=st.floats(240, 272),
    y=st.floats(190, 222),
    width=st.floats(200, 440),
    height=st.floats(16, 30),
    angle=st.floats(-0.7, 0.7),
)


@settings(deadline=None, max_examples=15)
@given(long_words, st.integers(2, 4), st.floats(-0.6, 0.45), st.randoms())
def test_pieces_of_a_word_become_one(word: Word, count: int, gap: float, random: object) -> None:
    pieces = parts(word, [k / count for k in range(1, count)], gap)
    random.shuffle(pieces)  # type: ignore[attr-defined]
    other = Word(256, 420, 90, 24, 0)
    quads, scores = join(*scored([*pieces, other]), map_of([word, other]))
    assert len(quads) == 2
    assert plain_iou(quads[0], word.quad()) > 0.85
    assert np.linalg.norm(quads[0] - word.quad(), axis=1).max() < word.height  # the text's top-left comes first
    assert_array_equal(quads[1], other.quad())
    assert_array_equal(scores, f32(0.9, 0.3))


@settings(deadline=None, max_examples=15)
@given(
    st.builds(
        Word,
        x=st.floats(240, 272),
        y=st.floats(210, 238),
        width=st.floats(200, 380),
        height=st.floats(16, 30),
        angle=st.one_of(st.floats(0.8, 1.15), st.floats(-1.15, -0.8)),
    ),
    st.integers(2, 3),
    st.floats(-0.6, 0.45),
    st.randoms(),
)
def test_pieces_of_a_word_that_is_named_by_its_side_become_one(
    word: Word, count: int, gap: float, random: object
) -> None:
    pieces = parts(word, [k / count for k in range(1, count)], gap)
    random.shuffle(pieces)  # type: ignore[attr-defined]
    other = Word(40, 410, 60, 24, 0)
    quads, scores = scored([*pieces, other])
    by_its_side = -1 if word.angle > 0 else 1
    quads[:-1] = np.roll(quads[:-1], by_its_side, axis=1)  # what the network says beyond 45 degrees
    whole, kept = join(quads, scores, map_of([word, other]))
    assert len(whole) == 2
    assert plain_iou(whole[0], word.quad()) > 0.85
    assert (
        np.linalg.norm(whole[0] - np.roll(word.quad(), by_its_side, axis=0), axis=1).max() < word.height
    )  # named as they were
    assert_array_equal(whole[1], other.quad())
    assert_array_equal(kept, f32(0.9, 0.3))


def beside(word: Word, aside: float, below: float, width: float, height: float, turned: float = 0) -> Word:
    """A word so far aside of another and below it, as that one is named."""
    along, across = word.axes()
    x, y = np.array([word.x, word.y]) + aside * along + below * across
    return Word(x, y, width, height, word.angle + turned)


STANDING = Word(150, 150, 24, 100, 0.6)


@pytest.mark.parametrize(
    "other",
    [
        beside(STANDING, 6, 115, 24, 100),  # too far below
        beside(STANDING, 16, 102, 24, 100),  # aside
        beside(STANDING, 0, 102, 60, 100),  # wider
        beside(STANDING, 0, 65, 28, 24),  # no higher than wide
        beside(STANDING, 0, 100, 24, 100, 0.2),  # turned
    ],
)
def test_what_does_not_go_on_downwards_is_no_piece_whatever_the_map_says(other: Word) -> None:
    for words in ([STANDING, other], [other, STANDING]):
        quads, scores = scored(words)
        assert_array_equal(join(quads, scores, TEXT)[0], quads)
    assert len(join(*scored([STANDING, beside(STANDING, 3, 106, 26, 100, 0.03)]), TEXT)[0]) == 1


def test_upright_boxes_one_under_the_other_stay_two() -> None:
    upright = STANDING._replace(angle=0.1)
    quads, scores = scored([upright, beside(upright, 0, 104, 24, 100)])
    assert_array_equal(join(quads, scores, TEXT)[0], quads)


@settings(deadline=None, max_examples=15)
@given(long_words, st.floats(0.3, 0.7), st.floats(0.05, 0.45), st.booleans())
def test_words_with_nothing_between_them_stay_two(word: Word, cut: float, gap: float, sideways: bool) -> None:
    pair = parts(word, [cut], gap)
    quads, scores = scored(pair)
    if sideways:
        quads = np.roll(quads, -1, axis=1)
    kept, same = join(quads, scores, map_of(pair))
    assert_array_equal(kept, quads)
    assert_array_equal(same, scores)


@pytest.mark.parametrize(
    "other",
    [
        Word(150, 126, 100, 24, 0),  # the line below
        Word(202, 108, 100, 24, 0),  # aside
        Word(214, 100, 100, 24, 0),  # too far
        Word(202, 100, 100, 40, 0),  # higher
        Word(200, 92, 100, 24, 0.2),  # turned
        Word(110, 101, 60, 24, 0),  # inside
    ],
)
def test_what_does_not_go_on_is_no_piece_whatever_the_map_says(other: Word) -> None:
    word = Word(100, 100, 100, 24, 0)
    for words in ([word, other], [other, word]):
        quads, scores = scored(words)
        assert_array_equal(join(quads, scores, TEXT)[0], quads)
    assert len(join(*scored([word, Word(206, 103, 100, 26, 0.03)]), TEXT)[0]) == 1


def test_the_map_decides() -> None:
    quads, scores = scored([Word(100, 100, 80, 24, 0), Word(184, 101, 80, 23, 0.02)])
    assert len(join(quads, scores, TEXT)[0]) == 1
    for lowest in (0.3, 0.7):
        faint = TEXT.copy()
        faint[:, 35] = lowest
        assert len(join(quads, scores, faint)[0]) == (1 if lowest > 0.5 else 2)
    assert len(join(quads - 1000, scores, TEXT)[0]) == 2  # beyond the map is no text


def test_real_looking_maps_keep_their_words() -> None:
    candidates = candidates_of(WORDS)
    quads, scores = extract_boxes(candidates, 0.2, 0.1)
    assert len(quads) == len(WORDS)
    assert_array_equal(join(quads, scores, candidates.score_map)[0], quads)


def test_a_word_that_suppression_leaves_in_pieces_is_whole() -> None:
    word = Word(256, 128, 440, 20, 0.1)
    score, geometry = draw_maps([word], Size(256, 512), np.random.default_rng(1), 0.02)
    geometry[..., 1], geometry[..., 3] = np.minimum(geometry[..., 1], 100), np.minimum(geometry[..., 3], 100)
    quads, scores = extract_boxes(select_candidates(score, geometry, 0.8), 0.2, 0.1)
    assert len(quads) > 1
    whole, _ = join(quads, scores, score)
    assert len(whole) == 1
    assert plain_iou(whole[0], word.quad()) > 0.7


def test_few_boxes() -> None:
    for count in (0, 1):
        quads, scores = np.array([SQUARE] * count, np.float32).reshape(-1, 4, 2), np.ones(count, np.float32)
        kept, same = join(quads, scores, TEXT)
        assert_array_equal(kept, quads)
        assert_array_equal(same, scores)
