from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from east.postprocess import with_huge_words
from tests.support.words import Array32, Word


def merged(words: list[Word], huge: list[Word]) -> Array32:
    """The quads, after those with scores of 0.9 and 0.5."""
    quads = np.array([word.quad() for word in words], np.float32).reshape(-1, 4, 2)
    more = np.array([word.quad() for word in huge], np.float32).reshape(-1, 4, 2)
    everything, scores = with_huge_words(
        quads, np.full(len(quads), 0.9, np.float32), more, np.full(len(more), 0.5, np.float32)
    )
    assert len(everything) == len(scores)
    assert (np.diff(scores) <= 0).all()
    return everything


def assert_same(found: Array32, words: list[Word]) -> None:
    assert_array_equal(found, np.array([word.quad() for word in words], np.float32).reshape(-1, 4, 2))


HUGE = Word(600, 300, 900, 300, 0.05)
SMALL = Word(300, 650, 100, 30, 0)


def test_a_huge_word_is_added() -> None:
    assert_same(merged([SMALL], [HUGE]), [SMALL, HUGE])
    assert_same(merged([], [HUGE]), [HUGE])


def test_its_parts_give_way() -> None:
    letters = [Word(x, 300, 180, 260, 0) for x in (300, 500, 700, 900)]
    assert_same(merged([*letters, SMALL], [HUGE]), [SMALL, HUGE])


def test_small_words_on_it_stay() -> None:
    printed = Word(600, 300, 100, 30, 0)
    assert_same(merged([printed], [HUGE]), [printed, HUGE])


def test_what_was_found_is_not_doubled() -> None:
    word = Word(600, 300, 500, 140, 0)
    assert_same(merged([word], [word._replace(width=520, height=150)]), [word])


def test_a_box_that_goes_too_far_gives_way() -> None:
    word = Word(600, 300, 250, 110, 0)
    assert_same(merged([Word(560, 300, 440, 145, 0), SMALL], [word]), [SMALL, word])


def test_what_is_framed_well_stays_where_the_copy_is_not_as_exact() -> None:
    word = Word(600, 300, 275, 115, 0)
    assert_same(merged([word], [word._replace(width=320, height=140)]), [word])


def test_two_words_are_not_made_one() -> None:
    words = [Word(400, 300, 300, 130, 0), Word(740, 300, 300, 130, 0)]
    assert_same(merged(words, [Word(570, 300, 660, 150, 0)]), words)


def test_lines_of_text_are_no_word() -> None:
    lines = [Word(x, y, 120, 30, 0) for y in range(180, 440, 45) for x in range(250, 1000, 150)]
    assert_same(merged(lines, [HUGE]), lines)


def test_words_that_lie_on_their_side_are_no_parts() -> None:
    lying = [Word(x, 300, 40, 200, 0) for x in range(200, 1000, 80)]  # as an upright look sees them
    assert_same(merged(lying, [HUGE]), lying)


def test_what_the_network_can_frame_counts_not() -> None:
    assert_same(merged([SMALL], [Word(600, 300, 400, 95, 0)]), [SMALL])
    assert_same(merged([SMALL], [Word(600, 300, 30, 400, 0)]), [SMALL])  # a line that runs downwards


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 2000), st.floats(20, 300), st.floats(10, 40)), max_size=8),
    st.lists(st.tuples(st.floats(0, 2000), st.floats(0, 2000), st.floats(150, 900), st.floats(115, 500)), max_size=3),
)
def test_no_small_word_is_lost(
    small: list[tuple[float, float, float, float]], huge: list[tuple[float, float, float, float]]
) -> None:
    words = [Word(*values, 0.1) for values in small]
    found = merged(words, [Word(*values, -0.1) for values in huge])
    assert all((found == word.quad()).all(axis=(1, 2)).any() for word in words)
