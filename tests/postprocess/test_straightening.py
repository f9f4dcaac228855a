from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from east import TextDetector
from east.geometry import angles
from east.postprocess import decode_quads, extract_boxes, straighten
from east.types import Candidates, Size
from tests.support.plain_nms import plain_iou
from tests.support.words import WORDS, Array32, Word, candidates_of, encode

SIZE = Size(480, 640)

turned_words = st.builds(
    Word,
    x=st.floats(300, 340),
    y=st.floats(220, 260),
    width=st.floats(200, 380),
    height=st.floats(40, 52),
    angle=st.floats(-1.4, 1.4),
)


def seen(words: list[tuple[Word, Word]]) -> Candidates:
    """The candidates of words, each with what its pixels take it for, where the map marks cores and nothing else."""
    height, width = SIZE.height // 4, SIZE.width // 4
    points = 4.0 * np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    score, geometry = np.zeros((height, width), np.float32), np.zeros((height, width, 5), np.float32)
    for word, taken_for in words:
        core = encode(word, points)[..., :4].min(axis=-1) >= 0.3 * word.height
        score[core], geometry[core] = 0.95, encode(taken_for, points)[core]
    pixels = np.argwhere(score > 0).astype(np.int32)
    return Candidates(pixels, geometry[tuple(pixels.T)], score)


def boxes(candidates: Candidates) -> Array32:
    return extract_boxes(candidates, 0.2, 0.1)[0]


def sideways(word: Word) -> Word:
    """The same rectangle, but that its right side is called its top."""
    return word._replace(width=word.height, height=word.width, angle=word.angle - np.pi / 2)


@settings(deadline=None, max_examples=25)
@given(turned_words, st.floats(0.2, 0.75), st.sampled_from([-1, 1]))
def test_a_word_whose_pixels_are_wrong_about_its_angle_lies_as_they_do(word: Word, off: float, side: int) -> None:
    quads = boxes(straighten(seen([(word, word._replace(angle=word.angle + side * off))])))
    assert len(quads) == 1
    assert plain_iou(quads[0], word.quad()) > 0.65
    assert abs(angles(quads[0]) + np.degrees(word.angle)) < 3
    assert np.linalg.norm(quads[0] - word.quad()[0], axis=1).argmin() == 0  # the text's top-left


@settings(deadline=None, max_examples=15)
@given(turned_words, st.floats(1.6, 2.2), st.booleans())
def test_a_word_that_its_pixels_take_for_longer_ends_where_they_do(word: Word, longer: float, named: bool) -> None:
    name = sideways(word) if named else word
    too_long = name._replace(**{"height" if named else "width": longer * word.width})
    before, quads = (
        boxes(candidates) for candidates in (seen([(word, too_long)]), straighten(seen([(word, too_long)])))
    )
    assert len(quads) == 1
    assert plain_iou(quads[0], word.quad()) > max(0.65, plain_iou(before[0], word.quad()))
    assert np.linalg.norm(quads[0] - name.quad()[0], axis=1).argmin() == 0  # keeps the name that the network gave it


def test_what_is_halfway_between_two_names_of_a_word_is_no_box_without_it() -> None:
    word = Word(320, 240, 260, 40, np.pi / 4)
    halfway = word._replace(width=200, height=70, angle=0.1)
    candidates = seen([(word, halfway)])
    assert max(plain_iou(quad, word.quad()) for quad in boxes(candidates)) < 0.5
    assert plain_iou(boxes(straighten(candidates))[0], word.quad()) > 0.65


@settings(deadline=None, max_examples=15)
@given(turned_words, st.floats(-0.08, 0.08), st.floats(0.4, 1.2), st.booleans())
def test_a_word_that_its_pixels_agree_on_stays_bit_for_bit(word: Word, off: float, longer: float, named: bool) -> None:
    taken_for = word._replace(angle=word.angle + off, width=longer * word.width)
    candidates = seen([(word, sideways(taken_for) if named else taken_for)])
    assert straighten(candidates) is candidates


def test_only_the_words_in_question_change() -> None:
    wrong, right = Word(220, 200, 260, 36, 0.8), Word(480, 330, 200, 36, 0.7)
    candidates = seen([(wrong, wrong._replace(angle=0.3)), (right, right)])
    straight = straighten(candidates)
    changed = (straight.geometry != candidates.geometry).any(axis=1)
    of_the_right = np.abs(decode_quads(candidates) - right.quad()).max(axis=(1, 2)) < 1
    assert_array_equal(changed, ~of_the_right)
    assert straight.score_map is candidates.score_map


def at(word: Word, along: float, width: float) -> Word:
    """A word so long on the line of another, so far along."""
    x, y = np.array([word.x, word.y]) + along * word.axes()[0]
    return word._replace(x=x, y=y, width=width)


LONG = Word(320, 240, 400, 36, 0.5)


@pytest.mark.parametrize(
    "words",
    [
        [(LONG._replace(width=60), LONG._replace(width=60, angle=0))],  # short: it may lie either way
        [(LONG._replace(width=150, height=18), LONG._replace(width=150, height=18, angle=0))],  # small: a row or two
        [(at(LONG, shift, 180), LONG) for shift in (-105, 105)],  # pieces of one word
        [(LONG._replace(width=180), LONG), (at(LONG, 160, 60), LONG)],  # a piece and a crumb
        [(Word(320, 200, 200, 36, angle), Word(320, 200, 200, 36, 0.4)) for angle in (0, np.pi / 2)],  # a cross
        [(Word(x, y, 130, 36, angle), LONG) for x, y, angle in ((280, 240, 0), (330, 275, np.pi / 2))],  # a bend
    ],
    ids=["short", "small", "pieces", "crumb", "cross", "bend"],
)
def test_patches_that_tell_nothing_contradict_nobody(words: list[tuple[Word, Word]]) -> None:
    candidates = seen(words)
    assert len(candidates.pixels)
    assert straighten(candidates) is candidates


def test_real_looking_maps_stay() -> None:
    candidates = candidates_of(WORDS)
    assert straighten(candidates) is candidates


def test_nothing_comes_of_nothing_and_of_no_numbers() -> None:
    nothing = Candidates(np.zeros((0, 2), np.int32), np.zeros((0, 5), np.float32), np.zeros((8, 8), np.float32))
    assert straighten(nothing) is nothing
    candidates = seen([(LONG, LONG._replace(angle=0))])
    for bad in (np.nan, np.inf):
        broken = candidates._replace(geometry=np.full_like(candidates.geometry, bad))
        assert straighten(broken) is broken
        assert straighten(candidates._replace(score_map=np.full_like(candidates.score_map, np.nan))).geometry is (
            candidates.geometry
        )


def test_a_picture_of_words_turned_by_45_degrees(detector: TextDetector) -> None:
    page, words = np.full((480, 640, 3), 235, np.uint8), []
    for row, text in enumerate(("Station", "Exhibition", "Harbour")):
        where = (170, 160 + 80 * row)
        (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, 1.6, 3)
        cv2.putText(page, text, where, cv2.FONT_HERSHEY_DUPLEX, 1.6, (20, 20, 20), 3, cv2.LINE_AA)
        left, bottom = where
        words.append([(left, bottom - height), (left + width, bottom - height), (left + width, bottom), (left, bottom)])
    turn = cv2.getRotationMatrix2D((320, 240), 45, 1)
    turned = cv2.warpAffine(page, turn, (640, 480), borderValue=(235, 235, 235))
    quads = np.array(words) @ turn[:, :2].T + turn[:, 2]
    found = detector.detect(turned)
    assert all(max(plain_iou(quad, box.quad) for box in found) > 0.6 for quad in quads)
    assert len(found) == 3
    assert_allclose(angles(found.quads), -45, atol=5)
