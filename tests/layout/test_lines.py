"""Words to lines: what stands in one, whatever its direction and size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.layout import quad_around, reading_order
from tests.support.sheets import Sheet, seen_from, turning

FEW = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**32 - 1)
PARAGRAPH = ("once upon a time", "there was a box", "which nobody had", "ever opened")


def scattered(seed: int, count: int = 40) -> NDArray[np.float64]:
    """Words of all sizes and directions, most of them level, all over a page."""
    rng = np.random.default_rng(seed)
    height, width = rng.uniform(8, 30, count), rng.uniform(10, 120, count)
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) * np.stack([width, height], axis=1)[:, None]
    turns = np.where(rng.random(count) < 0.7, rng.normal(0, 3, count), rng.uniform(0, 360, count))
    flat = [quad @ turning(turn) for quad, turn in zip(corners, turns, strict=True)]
    return np.add(np.reshape(flat, (-1, 4, 2)), rng.uniform(0, 500, (count, 1, 2)))


def grouped(blocks: list[list[list[int]]]) -> set[tuple[tuple[int, ...], ...]]:
    return {tuple(tuple(line) for line in block) for block in blocks}


@FEW
@given(seeds, st.integers(0, 60))
def test_each_word_is_in_one_line_of_one_block(seed: int, count: int) -> None:
    order = reading_order(scattered(seed, count))
    assert sorted(word for block in order for line in block for word in line) == list(range(count))
    assert all(line for block in order for line in block)
    assert all(order)


@FEW
@given(seeds)
def test_the_order_of_the_input_does_not_matter(seed: int) -> None:
    quads = scattered(seed)
    mixed = np.random.default_rng(seed).permutation(len(quads))
    renamed = [[[int(mixed[word]) for word in line] for line in block] for block in reading_order(quads[mixed])]
    assert renamed == reading_order(quads)


@FEW
@given(seeds)
def test_nor_does_it_where_words_are_as_near_as_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    corners, sizes = 10 * rng.integers(0, 12, (25, 2)), 10 * rng.integers(1, 6, (25, 2))
    corners, sizes = np.split(np.unique(np.concatenate([corners, sizes], axis=1), axis=0), 2, axis=1)
    quads = corners[:, None] + sizes[:, None] * np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    mixed = rng.permutation(len(quads))
    renamed = [[[int(mixed[word]) for word in line] for line in block] for block in reading_order(quads[mixed])]
    assert renamed == reading_order(quads)


@FEW
@given(seeds, st.floats(-180, 180))
def test_lines_and_blocks_turn_with_the_page(seed: int, degrees: float) -> None:
    quads = scattered(seed)
    assert grouped(reading_order(quads @ turning(degrees))) == grouped(reading_order(quads))


@FEW
@given(seeds, st.floats(0.01, 100), st.floats(-1e4, 1e4))
def test_size_and_place_do_not_matter(seed: int, scale: float, offset: float) -> None:
    quads = scattered(seed)
    assert reading_order(quads * scale + offset) == reading_order(quads)


@pytest.mark.parametrize(
    "quads",
    [
        np.zeros((0, 4, 2)),
        np.zeros((1, 4, 2)),
        np.zeros((5, 4, 2)),
        np.full((3, 4, 2), np.nan),
        np.full((3, 4, 2), np.inf),
        np.repeat(scattered(1, 1), 30, axis=0),
        np.array([[(0, 5), (40, 5), (40, 5), (0, 5)], [(45, 5), (90, 5), (90, 5), (45, 5)]]),
        np.array([[(5, 0), (5, 0), (5, 40), (5, 40)], [(9, 0), (9, 0), (9, 40), (9, 40)]]),
        scattered(2, 8) * 1e-30,
        scattered(2, 8) * 1e30,
    ],
    ids=["none", "a point", "points", "NaN", "endless", "identical", "flat", "thin", "tiny", "vast"],
)
def test_odd_quads_are_each_in_one_line(quads: NDArray[np.float64]) -> None:
    for of in (quads, quads.astype(np.float32)):
        order = reading_order(of)
        assert sorted(word for block in order for line in block for word in line) == list(range(len(quads)))


def test_a_quad_without_a_place_leaves_the_others_as_they_are() -> None:
    sheet = Sheet().write(100, 100, *PARAGRAPH)
    quads = np.concatenate([sheet.quads, np.full((2, 4, 2), np.nan)])
    sheet.words += ["?", "?"]
    assert [*PARAGRAPH] in sheet.read(quads)


def test_a_large_page_is_read_in_the_end() -> None:
    rows = [" ".join(["word"] * 20) for _ in range(60)]
    assert Sheet().write(0, 0, *rows).read() == [rows]


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_paragraph_is_read_whichever_way_it_is_turned(degrees: float) -> None:
    assert Sheet().write(500, 500, *PARAGRAPH, turn=degrees).read() == [[*PARAGRAPH]]


def test_upright_text_beside_level_text_is_another_line() -> None:
    sheet = Sheet().write(100, 100, *PARAGRAPH).write(85, 100 + 110, "on the side", turn=-90)
    assert sorted(sheet.read()) == sorted([["on the side"], [*PARAGRAPH]])


def test_signs_side_by_side_at_one_height_are_apart() -> None:
    sheet = Sheet().write(100, 100, "FRESH FISH").write(350, 102, "OPEN LATE").write(620, 98, "EXIT")
    assert sheet.read() == [["FRESH FISH"], ["OPEN LATE"], ["EXIT"]]


def test_lines_run_together_in_perspective_and_bend() -> None:
    lines = ["the quick brown fox jumps over", "the lazy dog and both of them", "are seen from the side here", "by us"]
    sheet = Sheet().write(0, 0, *lines, height=24)
    quads = seen_from(sheet.quads, [(1, 0.05, 100), (-0.12, 1, 120), (0.0009, 0.0001, 1)])
    assert sheet.read(quads) == [lines]
    bent = sheet.quads + 0.00025 * (sheet.quads[..., :1] - 180) ** 2 * [0, 1]
    assert sheet.read(bent) == [lines]


def test_a_price_has_its_cents() -> None:
    for top in (100, 118, 136):
        assert Sheet().write(100, 100, "12", height=60).write(178, top, "99", height=24).read() == [["12 99"]]


@pytest.mark.parametrize("height", [50, 80])
def test_an_initial_goes_on_in_the_line_at_its_top(height: float) -> None:
    first, *others = PARAGRAPH
    sheet = Sheet().write(108 - 0.6 * height, 100, "O", height=height).write(115, 100, *PARAGRAPH)
    assert sheet.read() == [[f"O {first}", *others]]


def test_boxes_that_are_a_little_off_are_still_a_line() -> None:
    rng = np.random.default_rng(5)
    sheet = Sheet().write(100, 100, *PARAGRAPH)
    for _ in range(20):
        assert sheet.read(sheet.quads + rng.normal(0, 1, sheet.quads.shape)) == [[*PARAGRAPH]]


def test_the_quad_around_a_line_lies_in_its_direction() -> None:
    sheet = Sheet().write(300, 300, "a few words", turn=30)
    first, last = sheet.quads[0], sheet.quads[-1]
    around = quad_around(sheet.quads)
    assert around.dtype == np.float32
    np.testing.assert_allclose(around, [first[0], last[1], last[2], first[3]], atol=1e-3)


def test_blanks_of_a_monospaced_typeface_part_no_line() -> None:
    sheet = Sheet().write(100, 100, "run").write(100 + 36 + 27, 100, "or").write(100 + 36 + 27 + 24 + 27, 100, "not")
    assert sheet.read() == [["run or not"]]


@pytest.mark.parametrize("gutter", [30, 40, 80])
def test_a_narrow_gutter_parts_columns(gutter: float) -> None:
    """Lines of full width, justified: the gutter is hardly wider than a blank."""
    left, right = ["aaaa bb ccccc ddd"] * 5, ["ee fffff gg hhhh"] * 5
    width = Sheet().write(0, 0, left[0]).quads[..., 0].max()
    assert Sheet().write(0, 0, *left).write(width + gutter, 0, *right).read() == [left, right]


def box(left: float, top: float, width: float, height: float) -> list[tuple[float, float]]:
    return [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]


def read(places: Mapping[str, tuple[float, ...]], degrees: float = 0, scale: float = 1) -> list[list[str]]:
    """The blocks of lines found of words at places, on a page that is turned and scaled."""
    sheet = Sheet()
    sheet.words = list(places)
    return sheet.read(scale * np.array([box(*place) for place in places.values()]) @ turning(degrees))


ANYHOW = pytest.mark.parametrize(("degrees", "scale"), [(0, 1), (0, 0.1), (35, 3), (-90, 1), (180, 20)])


@ANYHOW
def test_a_mark_between_two_words_is_in_their_line(degrees: float, scale: float) -> None:
    hello, you, point = (0, 0, 80, 20), (95, 0, 50, 20), (83, 16, 4, 4)
    assert read({"Hello": hello, ",": (83, 14, 5, 9), "you": you}, degrees, scale) == [["Hello , you"]]
    assert read({"Hello": hello, ".": point, "you": you, "!": (148, 0, 4, 20)}, degrees, scale) == [["Hello . you !"]]
    dots = {f".{number}": (83 + 7 * number, 16, 4, 4) for number in range(3)}
    assert read({"Wait": hello, **dots, "what": (107, 0, 80, 20)}, degrees, scale) == [["Wait .0 .1 .2 what"]]
    below = {"and": (0, 30, 50, 20), "more": (57, 30, 60, 20)}
    assert read({"Hello": hello, ".": point, **below}, degrees, scale) == [["Hello .", "and more"]]


@ANYHOW
def test_bullets_are_in_the_lines_of_their_items(degrees: float, scale: float) -> None:
    places = {"•": (0, 7, 6, 6), "item": (24, 0, 90, 20), "one": (121, 0, 50, 20)}
    items = {f"{word}{row}": (x, y + 30 * row, *size) for row in range(3) for word, (x, y, *size) in places.items()}
    assert read(items, degrees, scale) == [[f"•{row} item{row} one{row}" for row in range(3)]]


def test_something_small_far_from_a_word_is_no_bullet() -> None:
    assert read({"far": (0, 110, 90, 80), "GIANT": (400, 0, 900, 300)}) == [["far"], ["GIANT"]]


@ANYHOW
def test_a_large_word_stands_alone_beside_small_lines(degrees: float, scale: float) -> None:
    sign, small = {"BIG": (0, 0, 120, 60)}, {"small": (130, 20, 60, 20), "print": (130, 44, 60, 20)}
    assert read({**sign, **small}, degrees, scale) == [["BIG"], ["small", "print"]]
    before = {"small": (0, 20, 60, 20), "print": (0, 44, 60, 20), "BIG": (70, 0, 120, 60)}
    assert read(before, degrees, scale) == [["small", "print"], ["BIG"]]
    assert read({**sign, "a": (130, 20, 12, 20), "deal": (150, 20, 60, 20)}, degrees, scale) == [["BIG a deal"]]
