"""Boxes are drawn where they are, so that they can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from east.draw import draw_boxes

QUAD = np.array([[(40, 30), (120, 34), (118, 60), (38, 56)]], np.float32)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_outlines_show_on_any_background(colour: tuple[int, int, int]) -> None:
    image = np.full((90, 160, 3), colour, np.uint8)
    drawn = draw_boxes(image, QUAD).astype(int)
    corners = QUAD[0]
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = np.rint((start + end) / 2).astype(int)
        around = drawn[y - 3 : y + 4, x - 3 : x + 4]
        assert np.abs(around - colour).max() >= 80


def test_only_the_outlines_neighbourhood_changes() -> None:
    image = np.full((90, 160, 3), 128, np.uint8)
    changed = (draw_boxes(image, QUAD) != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert columns.min() >= 38 - 4
    assert columns.max() <= 120 + 4
    assert rows.min() >= 30 - 4
    assert rows.max() <= 60 + 4
    assert not changed[40:50, 50:110].any()


def test_the_image_itself_is_left_alone_and_without_boxes_nothing_is_drawn() -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    assert draw_boxes(image, QUAD).any()
    assert not image.any()
    drawn = draw_boxes(image, np.empty((0, 4, 2), np.float32), [])
    assert drawn is not image
    assert not drawn.any()


def test_outlines_are_thicker_on_larger_images() -> None:
    small, large = np.zeros((90, 160, 3), np.uint8), np.zeros((2000, 4000, 3), np.uint8)
    assert (draw_boxes(large, QUAD) > 0).sum() > (draw_boxes(small, QUAD) > 0).sum()


@pytest.mark.parametrize("shape", [(9000, 720, 3), (24, 30_000, 3)])
def test_the_lines_of_a_long_picture_do_not_hide_its_words(shape: tuple[int, int, int]) -> None:
    quad = np.array([[(40, 4), (120, 4), (120, 20), (40, 20)]], np.float32)
    assert not draw_boxes(np.zeros(shape, np.uint8), quad)[7:17, 43:117].any()


@settings(deadline=None)
@given(
    hnp.arrays(np.float32, (3, 4, 2), elements=st.floats(-1e9, 1e9, width=32)),
    st.integers(1, 40),
    st.integers(1, 40),
    st.booleans(),
)
def test_any_quad_is_drawn_on_any_image(quads: NDArray[np.float32], height: int, width: int, scores: bool) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    assert draw_boxes(image, quads, ["0.50"] * 3 if scores else None).shape == image.shape


@pytest.mark.parametrize("quad", [QUAD, QUAD - QUAD.min(axis=1), QUAD + np.float32(29)])
def test_labels_are_written_inside_the_image(quad: NDArray[np.float32]) -> None:
    image = np.zeros((90, 160, 3), np.uint8)
    written = (draw_boxes(image, quad, ["0.97"]) != draw_boxes(image, quad)).any(axis=2)
    assert written.sum() > 20
