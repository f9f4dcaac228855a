"""Words are cut out upright, rectified, and never empty."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from east.crops import crop_word

IMAGE = np.asarray(
    cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8), (0, 0), 3), np.uint8
)


def rectangle(left: float, top: float, right: float, bottom: float) -> NDArray[np.float32]:
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)


@given(st.integers(0, 150), st.integers(0, 110), st.integers(1, 160), st.integers(1, 120))
def test_an_upright_rectangle_is_a_slice_of_the_image(left: int, top: int, width: int, height: int) -> None:
    right, bottom = min(160, left + width), min(120, top + height)
    np.testing.assert_array_equal(crop_word(IMAGE, rectangle(left, top, right, bottom)), IMAGE[top:bottom, left:right])


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_first_corner_becomes_the_top_left_one(turns: int) -> None:
    quad = np.roll(rectangle(20, 30, 80, 50), -turns, axis=0)
    np.testing.assert_array_equal(crop_word(IMAGE, quad), np.rot90(IMAGE[30:50, 20:80], turns))


@settings(max_examples=50)
@given(st.floats(-np.pi, np.pi), st.floats(0, 0.3), st.floats(0, 0.3))
def test_a_word_seen_at_an_angle_is_seen_straight(angle: float, shear: float, tilt: float) -> None:
    word = np.zeros((40, 100, 3), np.uint8)
    word[10:30, 10:30], word[10:30, 40:60], word[10:30, 70:90] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    half = np.array([(-50 + 8 * tilt, -20), (50, -20 - 20 * shear), (50, 20), (-50, 20)])
    turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))])
    quad = (half @ turn + 100).astype(np.float32)
    transform = cv2.getPerspectiveTransform(rectangle(0, 0, 100, 40) - 0.5, quad - 0.5)
    scene = np.asarray(cv2.warpPerspective(word, transform, (200, 200)), np.uint8)

    crop = crop_word(scene, quad)
    back = np.asarray(cv2.resize(crop, (100, 40)), np.uint8)
    for column, colour in ((20, (255, 0, 0)), (50, (0, 255, 0)), (80, (0, 0, 255))):
        assert np.abs(back[20, column].astype(int) - colour).max() < 60
    assert abs(crop.shape[1] - 100) <= 4
    assert abs(crop.shape[0] - 40) <= 4


@pytest.mark.parametrize("height", [1, 20, 48, 200])
def test_height_scales_and_keeps_the_aspect(height: int) -> None:
    crop = crop_word(IMAGE, rectangle(20, 30, 80, 50), height)
    assert crop.shape == (height, 3 * height, 3)


def test_padding_keeps_the_surroundings() -> None:
    quad = rectangle(20, 30, 80, 50)
    np.testing.assert_array_equal(crop_word(IMAGE, quad, padding=0.25), IMAGE[25:55, 15:85])
    assert crop_word(IMAGE, quad, height=60, padding=0.25).shape == (60, 140, 3)


def test_what_lies_outside_the_image_repeats_its_border() -> None:
    crop = crop_word(IMAGE, rectangle(-10, 30, 20, 50))
    np.testing.assert_array_equal(crop[:, 10:], IMAGE[30:50, :20])
    np.testing.assert_array_equal(crop[:, :10], np.repeat(IMAGE[30:50, :1], 10, axis=1))


@pytest.mark.parametrize(
    "quad",
    [
        np.full((4, 2), 50),
        [(10, 10), (60, 10), (60, 10), (10, 10)],
        [(10, 10), (60, 60), (60, 10), (10, 60)],
        rectangle(10, 10, 60, 30)[::-1],
        np.full((4, 2), 1e6),
        rectangle(-1e7, -1e7, 1e7, 1e7),
    ],
    ids=["point", "line", "crossed", "mirrored", "far away", "huge"],
)
def test_degenerate_quads_give_a_crop_all_the_same(quad: NDArray[np.float32]) -> None:
    crop = crop_word(IMAGE, np.array(quad, np.float32), height=16, padding=0.1)
    assert crop.shape[0] == 16
    assert crop.shape[1] >= 1


@settings(max_examples=200, deadline=None)
@given(
    hnp.arrays(np.float32, (4, 2), elements=st.floats(-300, 300, width=32)),
    st.none() | st.integers(1, 64),
    st.floats(0, 1),
)
def test_no_crop_is_empty(quad: NDArray[np.float32], height: int | None, padding: float) -> None:
    crop = crop_word(IMAGE, quad, height, padding)
    assert crop.dtype == np.uint8
    assert crop.ndim == 3
    assert min(crop.shape[:2]) >= 1


def test_words_of_very_large_images_are_cut_out() -> None:
    image = np.zeros((64, 40_000, 3), np.uint8)
    image[20:40, 39_000:39_100] = 255
    assert (crop_word(image, rectangle(39_000, 20, 39_100, 40)) == 255).all()
    assert crop_word(image, rectangle(0, 0, 40_000, 64)).shape[0] == 64


def test_arguments_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="height must be at least 1 pixel, got 0"):
        crop_word(IMAGE, rectangle(0, 0, 9, 9), height=0)
    with pytest.raises(ValueError, match="padding must be between 0 and 1 times the word's height, got 2"):
        crop_word(IMAGE, rectangle(0, 0, 9, 9), padding=2)
