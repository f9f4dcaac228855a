"""Labels: beside their words, never over any, and written with what the fonts have."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely import Polygon, box

from east.draw import draw_boxes
from east.geometry import clockwise
from east.labels import Place, place, write_labels

GREEN, BLACK = (0, 255, 0), (0, 0, 0)
WORD = np.array([[(60, 40), (120, 44), (118, 60), (58, 56)]], np.float32)


@st.composite
def words(draw: st.DrawFn) -> NDArray[np.float32]:
    """Turned rectangles, some of them over others or out of the picture."""
    count = draw(st.integers(1, 12))
    number = st.floats(0, 1, width=32)
    rows = [[draw(number) for _ in range(5)] for _ in range(count)]
    x, y, width, height, angle = np.array(rows).T * [[300], [200], [80], [24], [2 * np.pi]] + [[0], [0], [4], [4], [0]]
    along = np.stack([np.cos(angle), np.sin(angle)], -1) * width[:, None] / 2
    down = np.stack([-np.sin(angle), np.cos(angle)], -1) * height[:, None] / 2
    centre = np.stack([x, y], -1)
    corners = [centre - along - down, centre + along - down, centre + along + down, centre - along + down]
    return clockwise(np.stack(corners, 1).astype(np.float32))


@settings(max_examples=50, deadline=None)
@given(words(), st.integers(0, 3))
def test_no_label_covers_a_word_or_another_label_or_leaves_the_image(quads: NDArray[np.float32], margin: int) -> None:
    found = place((200, 300), quads, [[(50, 14), (30, 9)]] * len(quads), margin)
    rectangles = []
    for one in filter(None, found):
        size, (left, top, width, height) = one
        assert (width, height) == [(50, 14), (30, 9)][size]
        assert 0 <= left <= 300 - width
        assert 0 <= top <= 200 - height
        rectangles.append(box(left, top, left + width, top + height))
    for at, rectangle in enumerate(rectangles):
        inner = rectangle.buffer(-1)
        assert not any(inner.intersects(Polygon(quad)) for quad in quads)
        assert not any(inner.intersects(other) for other in rectangles[at + 1 :])


def test_a_label_is_above_its_word_or_else_as_near_as_may_be() -> None:
    [above] = place((200, 300), WORD, [[(40, 12)]])
    assert above == (0, Place(60, 27, 40, 12))
    [below] = place((200, 300), WORD - np.array([0, 38], np.float32), [[(40, 12)]])
    assert below is not None
    assert 22 <= below[1].top <= 26


def test_a_smaller_label_is_written_where_a_large_one_has_no_room_and_none_where_none_has() -> None:
    assert place((100, 180), WORD, [[(200, 12), (40, 12)]]) == [(1, Place(60, 27, 40, 12))]
    whole = np.array([[(0, 0), (50, 0), (50, 20), (0, 20)]], np.float32)
    assert place((20, 50), whole, [[(10, 5)]]) == [None]
    assert place((20, 50), whole, [[]]) == [None]


def test_labels_can_be_read_on_any_ground() -> None:
    for level in (0, 127, 255):
        canvas = np.full((100, 180, 3), level, np.uint8)
        write_labels(canvas, WORD, ["0.97"], GREEN, BLACK, margin=2)
        [one] = place((100, 180), WORD, [[(20, 12)]], 2)
        assert one is not None
        row = canvas[one[1].top : one[1].top + 12, one[1].left : one[1].left + 20].reshape(-1, 3)
        assert row[:, 1].max() > 180
        assert not row[:, [0, 2]].any()
        assert (row == BLACK).all(axis=1).mean() > 0.3


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=80), st.integers(1, 60), st.integers(1, 80))
def test_any_text_is_written_on_any_image(text: str, height: int, width: int) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    assert draw_boxes(image, WORD - np.float32(40), [text]).shape == image.shape


def test_letters_that_pillows_font_lacks_are_written() -> None:
    """With a font of the system, or without their accents: never as the box that stands for what is missing."""
    drawn = [
        draw_boxes(np.zeros((100, 180, 3), np.uint8), WORD, [text]) for text in ("Zizkov", "Žižkov", "\uffff\uffff")
    ]
    assert (drawn[0] != drawn[2]).any()
    assert (drawn[1] != drawn[2]).any()


def test_many_labels_on_a_dense_page_leave_it_readable() -> None:
    lefts, tops = np.meshgrid(np.arange(10, 590, 60), np.arange(10, 380, 18))
    corners = np.stack([lefts.ravel(), tops.ravel()], -1)[:, None, :] + [(0, 0), (50, 0), (50, 12), (0, 12)]
    page = np.full((400, 600, 3), 255, np.uint8)
    quads = corners.astype(np.float32)
    labelled, outlined = draw_boxes(page, quads, ["word 0.99"] * len(quads)), draw_boxes(page, quads)
    for left, top in corners[:, 0]:
        inside = np.s_[top + 2 : top + 11, left + 2 : left + 49]
        np.testing.assert_array_equal(labelled[inside], outlined[inside])
