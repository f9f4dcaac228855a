import itertools

import cv2
import numpy as np
import pytest

from bench.layouts import count
from bench.pages import KINDS
from east.training.synth.pages import FONTS, Page, Picture, plain, scatter, turned
from tests.support.words import Array32


def box(left: float, top: float, right: float, bottom: float) -> Array32:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


def boxes(*several: Array32) -> Array32:
    return np.array(several, np.float32).reshape(-1, 4, 2)


def page() -> Picture:
    return scatter(Page(plain(255, 320, 200)), np.random.default_rng(1), 12, 24, aspect=5)


def test_a_word_is_bounded_by_its_ink() -> None:
    sheet = Page(plain(255, 200, 100))
    sheet.write(20, 70, "fig", FONTS[0], 40)
    image, quads = sheet.picture()
    rows, columns = np.nonzero(image.min(axis=2) < 255)
    np.testing.assert_array_equal(quads, boxes(box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))


def test_stacked_letters_are_one_word() -> None:
    sheet = Page(plain(0, 60, 200))
    sheet.stack(30, 10, "WIT", FONTS[1], 40, 45)
    image, quads = sheet.picture()
    rows, columns = np.nonzero(image.max(axis=2))
    np.testing.assert_array_equal(quads, boxes(box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))
    assert rows.min() == 10


@pytest.mark.parametrize("degrees", [90, 180, 270, 20])
def test_words_turn_with_their_picture(degrees: float) -> None:
    upright = page()
    image, quads = turned(upright, degrees)
    words = np.zeros(image.shape[:2], np.uint8)
    for quad in quads:
        cv2.fillPoly(words, [np.rint(quad).astype(np.int32)], (1,))
    inside, near = words > 0, cv2.dilate(words, np.ones((5, 5), np.uint8)) > 0
    assert (image.min(axis=2)[~near] > 250).all()
    assert image.min(axis=2)[inside].mean() < 230


def test_pictures_are_the_same_in_every_run() -> None:
    for kind in ("stacked", "single"):
        (row, first), (again, second) = (next(iter(KINDS[kind]())) for _ in range(2))
        assert row == again
        np.testing.assert_array_equal(first.image, second.image)
        np.testing.assert_array_equal(first.quads, second.quads)


def test_words_lie_in_their_pictures_and_do_not_touch() -> None:
    for kind in ("heights", "stacked", "single", "long"):
        _, (image, quads) = next(iter(KINDS[kind]()))
        low, high = quads.min(axis=1), quads.max(axis=1)
        assert len(quads) > 10
        assert (low >= 0).all()
        assert (high <= image.shape[1::-1]).all()
        for one, other in itertools.combinations(range(len(quads)), 2):
            assert (high[one] < low[other]).any() or (high[other] < low[one]).any()


def test_a_word_once_found_and_no_more() -> None:
    quads = page().quads
    tally, found = count(quads, quads + np.float32(0.4))
    assert found.all()
    assert (tally.words, tally.found, tally.upright) == (len(quads),) * 3
    assert (tally.split, tally.extra, tally.false) == (0, 0, 0)


def test_pieces_doubles_and_false_alarms_are_told_apart() -> None:
    words = boxes(box(0, 0, 100, 20), box(0, 50, 100, 70), box(0, 100, 100, 120), box(120, 100, 220, 120))
    tally, found = count(
        words,
        boxes(
            *(box(0, 0, 40, 20), box(45, 0, 90, 20)),  # the first in pieces
            *(box(0, 50, 100, 70), box(60, 50, 100, 70)),  # the second, and a part of it again
            box(0, 100, 220, 120),  # two in one: found is neither
            box(0, 200, 50, 220),
        ),
    )
    np.testing.assert_array_equal(found, [False, True, False, False])
    assert (tally.found, tally.split, tally.extra, tally.false) == (1, 1, 4, 1)


@pytest.mark.parametrize(("corner", "upright"), [(0, 1), (1, 0), (2, 0), (3, 0)])
def test_a_word_is_upright_when_its_box_begins_where_it_does(corner: int, upright: int) -> None:
    word = boxes(box(0, 0, 100, 20))
    tally, _ = count(word, np.roll(word, corner, axis=1))
    assert (tally.found, tally.upright) == (1, upright)


def test_a_picture_without_words_has_no_shares() -> None:
    tally, found = count(boxes(), boxes(box(0, 0, 9, 9)))
    assert not found.size
    assert (tally + tally).cells() == ("2", "0", "0", "-", "-", "0", "0", "2")
