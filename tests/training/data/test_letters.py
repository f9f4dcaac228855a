from __future__ import annotations

import math
import string

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.frameworks import tensorflow
from east.training.data.letters import LETTER_CLASSES, MAX_LETTERS, encode_texts, letter_targets
from tests.support.words import Array32, Word

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWX"
OTHER = Word(300, 300, 60, 20, 0).quad()
MAX_POINTS = MAX_LETTERS + 1
compiled_letter_targets = tensorflow().function(letter_targets)  # as in a training step, and much faster

places = st.floats(0, 400)
lengths = st.integers(1, MAX_LETTERS)
heights = st.floats(10, 60)
ratios = st.floats(0.3, 1.5)
levels = st.floats(0.02, 0.98)


def points_in(quad: Array32, along: NDArray[np.float64], down: float) -> Array32:
    """Points of a quad, ``(N, 2)``, each a share of the way along it and one share of the way down."""
    s = along[:, None]
    points = (quad[0] * (1 - s) + quad[1] * s) * (1 - down) + (quad[3] * (1 - s) + quad[2] * s) * down
    return np.asarray(points, np.float32)


def read(quad: Array32, text: str, points: Array32) -> tuple[NDArray[np.int32], Array32]:
    """Letters, and how sure they are, at points of the second word of a picture."""
    quads, codes = np.stack([OTHER, quad])[None], encode_texts(["OTHER", text])[None]
    x, y = np.resize(points, (MAX_POINTS, 2)).T  # always of one shape, so that it is compiled once
    found = compiled_letter_targets(x, y, np.ones((1, MAX_POINTS), np.int32), quads, codes)
    letters, certainty = (np.asarray(array)[0, : len(points)] for array in found)
    return letters, certainty


def middles(count: int) -> NDArray[np.float64]:
    return (np.arange(count) + 0.5) / count


def borders(count: int) -> NDArray[np.float64]:
    return np.arange(count + 1) / count


@settings(max_examples=60, deadline=None)
@given(places, places, lengths, heights, ratios, st.floats(-math.pi, math.pi), levels)
def test_a_word_turned_by_any_angle_is_read_letter_by_letter(
    x: float, y: float, count: int, height: float, ratio: float, angle: float, down: float
) -> None:
    quad = Word(x, y, count * ratio * height, height, angle).quad()
    letters, certainty = read(quad, ALPHABET[:count], points_in(quad, middles(count), down))
    assert letters.tolist() == list(range(1, count + 1))
    np.testing.assert_allclose(certainty, 1, atol=0.01)
    _, certainty = read(quad, ALPHABET[:count], points_in(quad, borders(count), down))
    np.testing.assert_allclose(certainty, 0, atol=0.01)


@settings(max_examples=60, deadline=None)
@given(
    places, places, st.integers(1, 6), heights, st.floats(0.5, 1.2), st.floats(-math.pi, math.pi), levels,
    st.lists(st.floats(-0.1, 0.1), min_size=8, max_size=8),
)  # fmt: skip
def test_a_word_in_perspective_is_read_letter_by_letter(
    x: float, y: float, count: int, height: float, ratio: float, angle: float, down: float, shifts: list[float]
) -> None:
    quad = Word(x, y, count * ratio * height, height, angle).quad()
    quad += height * np.asarray(shifts, np.float32).reshape(4, 2)
    letters, certainty = read(quad, ALPHABET[:count], points_in(quad, middles(count), down))
    assert letters.tolist() == list(range(1, count + 1))
    assert certainty.min() > 0.8
    _, certainty = read(quad, ALPHABET[:count], points_in(quad, borders(count), down))
    assert certainty.max() < 0.2


def test_a_letter_is_the_less_sure_the_farther_from_its_middle() -> None:
    quad = Word(100, 100, 80, 20, 0).quad()
    letters, certainty = read(quad, "ABCD", points_in(quad, np.asarray([0.25, 0.3125, 0.375, 0.4375, 0.49]), 0.5))
    assert letters.tolist() == [2, 2, 2, 2, 2]
    np.testing.assert_allclose(certainty, [0, 0.5, 1, 0.5, 0.08], atol=1e-3)


@pytest.mark.parametrize(
    ("height", "letter", "text"),
    [
        (7.5, 6.0, "WORD"),
        (20.0, 4.0, "WORD"),
        (20.0, 34.0, "WORD"),
        (20.0, 15.0, ""),
        (20.0, 15.0, "W" * (MAX_LETTERS + 1)),
    ],
    ids=["low", "narrow", "wide", "unknown", "too long"],
)
def test_what_cannot_be_read_has_no_letters(height: float, letter: float, text: str) -> None:
    quad = Word(200, 200, max(1, len(text)) * letter, height, 0.4).quad()
    letters, certainty = read(quad, text, points_in(quad, np.linspace(0, 1, 9), 0.5))
    assert not letters.any()
    assert not certainty.any()


def test_words_of_many_pictures_are_read_each_by_its_own_letters() -> None:
    quads = np.stack([[OTHER, Word(100, 100, 60, 30, 0).quad()], [Word(100, 100, 60, 30, math.pi).quad(), OTHER]])
    codes = np.stack([encode_texts(["no", "up"]), encode_texts(["on", "no"])])
    points = np.asarray([85, 115], np.float32), np.asarray([100, 100], np.float32)
    letters, _ = letter_targets(*points, np.asarray([[1, 1], [0, 0]], np.int32), quads, codes)
    expected = encode_texts(["up", "no"])[:, :2]
    np.testing.assert_array_equal(letters, expected)


def test_letters_of_either_case_are_one() -> None:
    lower, upper = encode_texts([string.ascii_lowercase[:13], string.ascii_uppercase[:13]])
    assert lower[:14].tolist() == upper[:14].tolist() == [*range(1, 14), 0]


def test_every_letter_and_digit_has_its_own_number() -> None:
    characters = string.ascii_uppercase + string.digits
    assert encode_texts(list(characters))[:, 0].tolist() == list(range(1, LETTER_CLASSES))


@pytest.mark.parametrize("character", ["-", "'", " ", "@", "[", "{", "`", "é", "Ω", "½", "٣", "中", "ß", "ﬁ"])
def test_anything_else_is_one_symbol(character: str) -> None:
    assert encode_texts([f"a{character}1"])[0, :4].tolist() == [1, LETTER_CLASSES, 28, 0]


def test_a_word_that_is_too_long_is_not_spelled() -> None:
    fits, too_long = encode_texts(["x" * MAX_LETTERS, "x" * (MAX_LETTERS + 1)])
    assert fits.tolist() == [24] * MAX_LETTERS
    assert not too_long.any()


def test_of_no_words_nothing_is_spelled() -> None:
    assert encode_texts([]).shape == (0, MAX_LETTERS)
    assert not encode_texts([""]).any()


@given(st.lists(st.text(max_size=30), max_size=4))
@example(["Straße"])
def test_a_word_of_any_script_has_a_number_for_each_character(texts: list[str]) -> None:
    codes = encode_texts(texts)
    assert codes.dtype == np.uint8
    assert codes.shape == (len(texts), MAX_LETTERS)
    for row, text in zip(codes, texts, strict=True):
        length = len(text) if len(text) <= MAX_LETTERS else 0
        assert ((row[:length] >= 1) & (row[:length] <= LETTER_CLASSES)).all()
        assert not row[length:].any()
