"""Lines to blocks, and the order of blocks: drawn pages with columns, headings, signs and prices."""

from __future__ import annotations

import pytest

from tests.support.sheets import Sheet, turning

ONE = ("the first column has", "some lines that go", "on and on until it", "ends here")
TWO = ("while the second one", "stands beside it and", "comes later than all", "of the first")
THREE = ("and so does the third", "column which is last", "in each row of this", "small page")


def one_after_the_other(sheet: Sheet) -> list[str]:
    return [line for block in sheet.read() for line in block]


@pytest.mark.parametrize("degrees", [0, 7, -20, 90, 180])
def test_columns_are_read_one_after_the_other(degrees: float) -> None:
    sheet = Sheet().write(100, 100, *ONE).write(400, 100, *TWO).write(720, 100, *THREE)
    assert sheet.read() == [[*ONE], [*TWO], [*THREE]]
    assert sheet.read(sheet.quads @ turning(degrees)) == [[*ONE], [*TWO], [*THREE]]


def test_columns_with_lines_at_other_heights_are_read_one_after_the_other() -> None:
    sheet = Sheet().write(100, 100, *ONE).write(380, 111, *TWO)
    assert sheet.read() == [[*ONE], [*TWO]]


@pytest.mark.parametrize("height", [20, 26, 48])
def test_a_heading_across_the_columns_comes_first(height: float) -> None:
    heading = {20: "a heading that goes across all the columns", 26: "a heading across the columns", 48: "THE HEADING"}
    sheet = Sheet().write(400, 140, *TWO).write(100, 140, *ONE)
    sheet.write(100, 110 - height, heading[round(height)], height=height)
    assert one_after_the_other(sheet) == [heading[round(height)], *ONE, *TWO]


def test_a_heading_between_columns_parts_them() -> None:
    sheet = Sheet().write(100, 100, *ONE).write(400, 100, *TWO)
    sheet.write(100, 260, "AND NOW SOMETHING ELSE", height=36)
    sheet.write(100, 340, *THREE).write(420, 340, "a last column", "of two lines")
    between = ["AND NOW SOMETHING ELSE"]
    assert one_after_the_other(sheet) == [*ONE, *TWO, *between, *THREE, "a last column", "of two lines"]


def test_paragraphs_of_a_column_come_before_the_next_column() -> None:
    sheet = Sheet().write(100, 100, *ONE).write(100, 280, *TWO)
    sheet.write(420, 100, *THREE).write(420, 280, "the very last lines", "of the page")
    assert sheet.read() == [[*ONE], [*TWO], [*THREE], ["the very last lines", "of the page"]]


def test_signs_at_one_height_are_read_from_left_to_right() -> None:
    sheet = Sheet().write(500, 95, "SALE", "TODAY", height=40).write(100, 100, "FISH", "AND CHIPS", height=32)
    assert sheet.read() == [["FISH", "AND CHIPS"], ["SALE", "TODAY"]]


def test_a_sign_with_large_and_small_print_is_read_downwards() -> None:
    sheet = Sheet().write(100, 100, "BAKERY", height=80).write(110, 200, "since 1870").write(110, 260, "open daily")
    assert one_after_the_other(sheet) == ["BAKERY", "since 1870", "open daily"]


def test_a_centred_poem_is_one_block() -> None:
    lines = ["short", "a longer line here", "mid size", "the longest line of all of them"]
    sheet = Sheet()
    for number, line in enumerate(lines):
        sheet.write(300 - 6 * len(line), 100 + 30 * number, line)
    assert sheet.read() == [lines]


def test_many_signs_are_read_row_by_row() -> None:
    names = [[f"s{row}x{column}" for column in range(40)] for row in range(51)]
    sheet = Sheet()
    for row, signs in enumerate(names):
        for column, sign in enumerate(signs):
            sheet.write(200 * column, 150 * row, sign)
    assert one_after_the_other(sheet) == [sign for signs in names for sign in signs]


COLUMN = ("the first of four lines", "that are in a column", "and go on for a while", "before they end")


@pytest.mark.parametrize("degrees", [0, -8, 90])
def test_the_entries_of_a_bar_come_before_the_columns_below(degrees: float) -> None:
    sheet = Sheet()
    for number, entry in enumerate(("Home", "World", "Sport", "Culture", "Contact")):
        sheet.write(40 + 170 * number, 20, entry)
    sheet.write(40, 90, *COLUMN).write(480, 90, *COLUMN)
    bar = [["Home"], ["World"], ["Sport"], ["Culture"], ["Contact"]]
    assert sheet.read(sheet.quads @ turning(degrees)) == [*bar, list(COLUMN), list(COLUMN)]


def test_what_is_below_the_first_entries_only_comes_after_the_last() -> None:
    sheet = Sheet().write(40, 90, *COLUMN)
    for number, entry in enumerate(("Home", "Products", "Pricing", "Support", "Blog")):
        sheet.write(40 + 190 * number, 20, entry)
    assert sheet.read() == [["Home"], ["Products"], ["Pricing"], ["Support"], ["Blog"], list(COLUMN)]


def test_headings_of_columns_stay_with_them() -> None:
    sheet = Sheet().write(40, 20, "ONE", height=28).write(480, 20, "TWO", height=28)
    sheet.write(40, 90, *COLUMN).write(480, 90, *COLUMN).write(40, 320, "a line below both of the columns " * 2)
    assert [block[0] for block in sheet.read()][:4] == ["ONE", COLUMN[0], "TWO", COLUMN[0]]
