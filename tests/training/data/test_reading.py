from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.model.network import build_network
from east.training.data.reading import letters_at, with_reader
from east.training.data.spelling import LONGEST, SYMBOLS, spell
from tests.support.words import Array32, Word

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWX"
OTHER = Word(300, 300, 60, 20, 0).quad()

places = st.floats(0, 400)
lengths = st.integers(1, LONGEST)
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
    quads, spelled = np.stack([OTHER, quad])[None], spell(["OTHER", text])[None]
    letters, sure = letters_at(points[:, 0], points[:, 1], np.ones((1, len(points)), np.int32), quads, spelled)
    return np.asarray(letters)[0], np.asarray(sure)[0]


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
    letters, sure = read(quad, ALPHABET[:count], points_in(quad, middles(count), down))
    assert letters.tolist() == list(range(1, count + 1))
    np.testing.assert_allclose(sure, 1, atol=0.01)
    _, sure = read(quad, ALPHABET[:count], points_in(quad, borders(count), down))
    np.testing.assert_allclose(sure, 0, atol=0.01)


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
    letters, sure = read(quad, ALPHABET[:count], points_in(quad, middles(count), down))
    assert letters.tolist() == list(range(1, count + 1))
    assert sure.min() > 0.8
    _, sure = read(quad, ALPHABET[:count], points_in(quad, borders(count), down))
    assert sure.max() < 0.2


def test_a_letter_is_the_less_sure_the_farther_from_its_middle() -> None:
    quad = Word(100, 100, 80, 20, 0).quad()
    letters, sure = read(quad, "ABCD", points_in(quad, np.asarray([0.25, 0.3125, 0.375, 0.4375, 0.49]), 0.5))
    assert letters.tolist() == [2, 2, 2, 2, 2]
    np.testing.assert_allclose(sure, [0, 0.5, 1, 0.5, 0.08], atol=1e-3)


@pytest.mark.parametrize(
    ("height", "letter", "text"),
    [
        (7.5, 6.0, "WORD"),
        (20.0, 4.0, "WORD"),
        (20.0, 34.0, "WORD"),
        (20.0, 15.0, ""),
        (20.0, 15.0, "W" * (LONGEST + 1)),
    ],
    ids=["low", "narrow", "wide", "unknown", "too long"],
)
def test_what_cannot_be_read_has_no_letters(height: float, letter: float, text: str) -> None:
    quad = Word(200, 200, max(1, len(text)) * letter, height, 0.4).quad()
    letters, sure = read(quad, text, points_in(quad, np.linspace(0, 1, 9), 0.5))
    assert not letters.any()
    assert not sure.any()


def test_words_of_many_pictures_are_read_each_by_its_own_letters() -> None:
    quads = np.stack([[OTHER, Word(100, 100, 60, 30, 0).quad()], [Word(100, 100, 60, 30, math.pi).quad(), OTHER]])
    spelled = np.stack([spell(["no", "up"]), spell(["on", "no"])])
    points = np.asarray([85, 115], np.float32), np.asarray([100, 100], np.float32)
    letters, _ = letters_at(*points, np.asarray([[1, 1], [0, 0]], np.int32), quads, spelled)
    expected = spell(["up", "no"])[:, :2]
    np.testing.assert_array_equal(letters, expected)


def test_a_network_that_reads_finds_what_it_found_without() -> None:
    network = build_network()
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3)).astype(np.float32)
    score, geometry = network(images)
    found, measured, letters = with_reader(network)(images)
    np.testing.assert_array_equal(found, score)
    np.testing.assert_array_equal(measured, geometry)
    assert letters.shape == (2, 16, 24, SYMBOLS)


def test_a_reader_in_half_precision_keeps_whole_variables_and_logits() -> None:
    reading = with_reader(build_network(dtype="mixed_bfloat16"))
    assert {str(variable.dtype) for variable in reading.variables} == {"float32"}
    assert reading.outputs[-1].dtype == "float32"
