"""Tables, receipts and forms are read row by row; columns of text, lists and signs side by side are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.sheets import Sheet, turning

GOODS = ("bread", "butter", "cheese and ham", "milk")
PRICES = ("2.10", "1.75", "18.40", "0.95")
ROWS = [f"{name} {price}" for name, price in zip(GOODS, PRICES, strict=True)]


def receipt() -> Sheet:
    """Names at the left, prices that end below each other, a heading and a total."""
    sheet = Sheet().write(160, 100, "CORNER SHOP", height=30).write(100, 200, *GOODS)
    for row, price in enumerate(PRICES):
        sheet.write(460 - 12 * len(price), 200 + 30 * row, price)
    return sheet.write(100, 350, "TOTAL", height=26).write(380, 350, "23.20", height=26)


@pytest.mark.parametrize("degrees", [0, 4, -30, 90, 180])
def test_a_receipt_is_read_row_by_row(degrees: float) -> None:
    sheet = receipt()
    lines = [line for block in sheet.read(sheet.quads @ turning(degrees)) for line in block]
    assert lines == ["CORNER SHOP", *ROWS, "TOTAL 23.20"]


@pytest.mark.parametrize("degrees", [5, 9.9, 10.1, 24, 30])
def test_receipts_side_by_side_that_lie_each_in_its_own_direction(degrees: float) -> None:
    """So that rows lie in any direction beside that of the page."""
    sheet, one = receipt(), receipt().quads
    sheet.words *= 2
    quads = np.concatenate([one @ turning(degrees / 2), one @ turning(-degrees / 2) + [0, 1500]])
    lines = [line for block in sheet.read(quads) for line in block]
    assert lines == ["CORNER SHOP", *ROWS, "TOTAL 23.20"] * 2


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(14)), st.floats(-180, 180), st.floats(0.01, 100))
def test_whatever_their_order_direction_and_size(order: list[int], degrees: float, scale: float) -> None:
    sheet = receipt()
    quads, expected = sheet.quads @ turning(degrees) * scale, sheet.read()
    sheet.words = [sheet.words[word] for word in order]
    assert len(quads) == len(order)
    assert sheet.read(quads[order]) == expected


def test_a_name_without_a_price_has_a_row_of_its_own() -> None:
    sheet = Sheet().write(100, 100, "rolls", "of two sorts", "jam", "honey", "tea")
    for row, price in {0: "2.10", 2: "3.00", 3: "4.75", 4: "1.20"}.items():
        sheet.write(450, 100 + 30 * row, price)
    assert sheet.read() == [["rolls 2.10", "of two sorts", "jam 3.00", "honey 4.75", "tea 1.20"]]


@pytest.mark.parametrize("leading", [1.5, 3.5])
def test_a_table_of_short_cells_is_read_row_by_row(leading: float) -> None:
    columns = (
        ("town", "Aachen", "Bad Ems", "Celle"),
        ("people", "249070", "9674", "69399"),
        ("area", "160", "15", "176"),
    )
    sheet = Sheet()
    for number, column in enumerate(columns):
        sheet.write(100 + 200 * number, 100, *column, leading=leading)
    lines = [line for block in sheet.read() for line in block]
    assert lines == [" ".join(row) for row in zip(*columns, strict=True)]


def test_columns_of_text_on_one_baseline_grid_are_read_one_after_the_other() -> None:
    left = ["it was a cold day", "and the old man had", "no coat to put on as", "he went to the", "market in the rain"]
    right = ["all that was to be", "had there were eggs", "and some bread of", "the day before", "which he took"]
    sheet = Sheet().write(100, 100, *left).write(400, 100, *right)
    assert sheet.read() == [left, right]


def test_lists_of_names_side_by_side_are_read_one_after_the_other() -> None:
    left, right = ["Ann Lee", "Bo Ek", "Cy de Wit", "Di Fu"], ["Ed Gray", "Flo Hall", "Gus Ives", "Hal van As"]
    assert Sheet().write(100, 100, *left).write(400, 100, *right).read() == [left, right]


def test_posters_side_by_side_are_read_one_after_the_other() -> None:
    poster = ["SUMMER", "SALE", "TODAY"]
    sheet = Sheet()
    for left in (100, 400):
        for row, line in enumerate(poster):
            sheet.write(left - 6 * len(line), 100 + 30 * row, line)
    assert sheet.read() == [poster, poster]


def test_two_rows_are_no_table() -> None:
    assert Sheet().write(100, 100, "open", "daily").write(400, 100, "closed", "never").read() == [
        ["open", "daily"],
        ["closed", "never"],
    ]


def test_columns_at_other_heights_are_no_table() -> None:
    sheet = Sheet().write(100, 100, *GOODS).write(400, 115, *PRICES)
    assert sheet.read() == [[*GOODS], [*PRICES]]


def test_boxes_that_are_a_little_off_are_still_rows() -> None:
    sheet = receipt()
    rng = np.random.default_rng(3)
    for _ in range(20):
        lines = [line for block in sheet.read(sheet.quads + rng.normal(0, 0.7, sheet.quads.shape)) for line in block]
        assert lines == ["CORNER SHOP", *ROWS, "TOTAL 23.20"]


def test_a_row_goes_on_across_an_empty_cell() -> None:
    sheet = (
        Sheet().write(100, 100, "bread", "jam", "tea", "milk", "salt").write(500, 100, "2.10", "3.00", "1", "2", "3")
    )
    for row in (0, 1, 2, 4):
        sheet.write(300, 100 + 30 * row, str(row))
    assert sheet.read() == [["bread 0 2.10", "jam 1 3.00", "tea 2 1", "milk 2", "salt 4 3"]]


def test_columns_of_phrases_are_read_with_the_table_beside_them() -> None:
    columns = (
        ("Date", "01 Mar", "03 Mar", "07 Mar", "09 Mar"),
        ("Description", "Opening balance", "Card payment Tesco", "Salary Acme Ltd", "Transfer to savings"),
        ("Amount", "0.00", "45.20", "2300.00", "88.10"),
        ("Balance", "1200.00", "1154.80", "3454.80", "3366.70"),
    )
    sheet = Sheet()
    for left, column in zip((100, 250, 600, 800), columns, strict=True):
        sheet.write(left, 100, *column)
    assert sheet.read() == [[" ".join(row) for row in zip(*columns, strict=True)]]


@pytest.mark.parametrize("turn", [0.0, -25.0, 90.0])
def test_short_cells_lean_in_their_boxes(turn: float) -> None:
    columns = (("Region", "North", "South", "East"), ("Q1", "23", "88", "60"), ("Q2", "68", "16", "87"))
    sheet = Sheet()
    for number, column in enumerate(columns):
        sheet.write(100 + 200 * number, 100, *column, leading=2.5)
    rng = np.random.default_rng(1)
    for _ in range(10):
        leaning = []
        for quad, degrees in zip(sheet.quads, rng.uniform(-4, 4, len(sheet.quads)), strict=True):
            middle = quad.mean(axis=0)
            leaning.append((quad - middle) @ turning(degrees) + middle)
        lines = [line for block in sheet.read(np.array(leaning) @ turning(turn)) for line in block]
        assert lines == [" ".join(row) for row in zip(*columns, strict=True)]


def test_a_box_over_several_rows_keeps_no_row_apart() -> None:
    """Such as around digits one below the other."""
    columns = (
        ("Item", "Apples", "Oranges", "Bread loaf", "Olive oil"),
        ("Unit", "0.50", "1.20", "2.75", "8.99"),
        ("Total", "6.00", "3.60", "2.75", "17.98"),
    )
    sheet = Sheet()
    for left, column in zip((100, 500, 700), columns, strict=True):
        sheet.write(left, 100, *column, leading=2.5)
    sheet.write(330, 100, "Qty", "12", leading=2.5).write(330, 210, "3", height=110)
    lines = [line for block in sheet.read() for line in block]
    rows = [" ".join(row) for row in zip(*columns, strict=True)]
    assert [line for line in lines if line != "3"] == ["Item Qty Unit Total", "Apples 12 0.50 6.00", *rows[2:]]


def test_narrow_columns_of_text_beside_a_list_are_read_one_after_the_other() -> None:
    names = ["Ann", "Bo", "Cy", "Di", "Ed"]
    text = ["it was a very cold day", "and the old man had no", "coat to put on as he", "went to the market in", "rain"]
    assert Sheet().write(100, 100, *names).write(300, 100, *text).read() == [names, text]
