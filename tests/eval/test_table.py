"""Markdown tables that also read well as plain text."""

from __future__ import annotations

from east.console import markdown_table


def test_columns_are_aligned_the_first_as_text_the_others_as_numbers() -> None:
    assert markdown_table(["", "FPS"], [["a", "1.0"], ["longer", "12345.0"]]) == (
        "|        |     FPS |\n| ------ | ------: |\n| a      |     1.0 |\n| longer | 12345.0 |\n"
    )


def test_a_table_is_as_wide_as_the_one_beside_it() -> None:
    assert markdown_table(["x", "y"], [["a", "1"]], [["longer", "12"]]) == (
        "| x      |  y |\n| ------ | -: |\n| a      |  1 |\n"
    )
