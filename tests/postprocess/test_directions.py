from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from east import TooManyBoxesError
from east.postprocess import Turned, in_their_direction, peaks
from tests.support.words import WORDS, Array32, Word, candidates_of, f32

Seen = tuple[Word, float]
"""A box as it is seen, and its peak."""


def turn_of(seen: list[Seen], quarter: int) -> Turned:
    """Boxes whose text is upright in a turn: the word's own corners, from the one that is the top-left there."""
    quads = np.array([np.roll(word.quad(), -quarter, axis=0) for word, _ in seen], np.float32).reshape(-1, 4, 2)
    high = np.array([peak for _, peak in seen], np.float32)
    return Turned(quads, high / 2, high)


def rotated(quads: Array32, quarters: int) -> Array32:
    """Quads turned clockwise about the origin."""
    for _ in range(quarters):
        quads = np.stack([-quads[..., 1], quads[..., 0]], axis=-1)
    return quads


def merged(*turns: list[Seen], quarters: int = 0) -> Array32:
    """What is found in an image that has been turned clockwise by so many quarters, turned back."""
    seen = [turn_of(boxes, turn) for turn, boxes in enumerate(turns)]
    seen = [one._replace(quads=rotated(one.quads, quarters)) for one in seen[-quarters:] + seen[:-quarters]]
    quads, scores = in_their_direction(seen, 0.8)
    assert len(quads) == len(scores)
    assert (np.diff(scores) <= 0).all()
    return rotated(quads, -quarters % 4)


def row(count: int) -> list[Word]:
    return [Word(100 + 150 * k, 100, 100, 24, 0.05) for k in range(count)]


def loose(word: Word) -> Word:
    """What is seen of a word that lies on its side."""
    return word._replace(x=word.x + 10, width=0.8 * word.width, height=1.2 * word.height)


def by_place(quads: Array32) -> Array32:
    return np.asarray(quads[np.lexsort(np.rint(quads.mean(axis=1)).T)])


def test_every_word_once_as_it_is_seen_best() -> None:
    words = row(5)
    upright = [(word, 0.98) for word in words]
    lying = [(loose(word), 0.93) for word in words[::2]]
    head = [(word, 0.96) for word in words]
    expected = by_place(np.array([word.quad() for word in words]))
    for quarters in range(4):
        assert_array_equal(by_place(merged(upright, lying, head, lying, quarters=quarters)), expected)


@pytest.mark.parametrize(("peak", "stands"), [(0.985, False), (0.9995, True)])
def test_a_word_that_tells_little_follows_its_page(peak: float, stands: bool) -> None:
    words = row(8)
    upright = [(word, 0.98) for word in words]
    head = [(word, peak if number == 3 else 0.95) for number, word in enumerate(words)]
    quads = by_place(merged(upright, [], head, []))
    turned = [not np.allclose(quad[0], word.quad()[0]) for quad, word in zip(quads, words, strict=True)]
    assert turned == [stands and number == 3 for number in range(8)]


def test_words_of_two_directions_in_one_picture() -> None:
    words, side = row(6), [Word(900, 100 + 160 * k, 24, 120, 0) for k in range(3)]
    upright = [(word, 0.98) for word in words] + [(word, 0.95) for word in side]
    down = [(word, 0.985) for word in side] + [(loose(word), 0.9) for word in words]
    quads = by_place(merged(upright, down, [(word, 0.95) for word in words], [(side[0], 0.97)]))
    expected = [word.quad() for word in words] + [np.roll(word.quad(), -1, axis=0) for word in side]
    assert_array_equal(quads, by_place(np.array(expected)))


def test_a_faint_box_in_a_direction_without_words_is_none() -> None:
    words, stray = row(8), Word(500, 400, 80, 20, 0)
    for peak, count in ((0.85, 8), (0.995, 9)):
        assert len(merged([(word, 0.97) for word in words], [], [(stray, peak)], [])) == count
    assert len(merged([(word, 0.97) for word in words] + [(stray, 0.81)], [], [], [])) == 9


@pytest.mark.parametrize("seed", range(8))
def test_what_is_found_does_not_depend_on_how_the_image_lies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turns: list[list[Seen]] = [
        [
            (Word(*rng.uniform((0, 0, 20, 10, -0.8), (400, 300, 120, 40, 0.8))), float(rng.uniform(0.8, 1)))
            for _ in range(rng.integers(0, 9))
        ]
        for _ in range(4)
    ]
    quads = merged(*turns)
    shown = np.concatenate([turn_of(seen, quarter).quads for quarter, seen in enumerate(turns)])
    assert all((shown == quad).all(axis=(1, 2)).any() for quad in quads)
    for quarters in (1, 2, 3):
        assert_array_equal(by_place(merged(*turns, quarters=quarters)), by_place(quads))


def test_nothing() -> None:
    assert len(merged([], [], [], [])) == 0


def test_boxes_without_number_over_each_other_are_too_many() -> None:
    with pytest.raises(TooManyBoxesError, match=r"1,200 boxes .* raise score_threshold or lower nms_threshold"):
        merged(*([(Word(100, 100, 100, 50, 0), 0.9)] * 300 for _ in range(4)))


def test_peaks_are_the_highest_scores_within() -> None:
    score_map = candidates_of(WORDS).score_map
    quads = np.array([word.quad() for word in WORDS], np.float32)
    for word, peak in zip(WORDS, peaks(score_map, quads), strict=True):
        x, y = round(word.x / 4), round(word.y / 4)
        near = score_map[y - 2 : y + 3, x - 4 : x + 5]
        assert near.max() <= peak <= score_map.max()
    assert_allclose(peaks(score_map, quads + 5000), 0)
    assert_array_equal(peaks(score_map, np.roll(quads, 1, axis=1)) > 0.9, [True] * 4)
    assert peaks(score_map, quads[:0]).shape == (0,)
    one = np.zeros((20, 20), np.float32)
    one[10, 8] = 0.75
    assert_array_equal(peaks(one, np.array([[[20, 36], [44, 36], [44, 44], [20, 44]]], np.float32)), f32(0.75))
