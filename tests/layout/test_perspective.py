"""Receipts seen from aside are read row by row, as from the front; what is only a little off is left as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.layout.frame import Words
from east.layout.lines import lines_of
from east.layout.perspective import from_the_front
from tests.layout.test_rows import ROWS, receipt
from tests.support.sheets import Sheet, seen_from, turning

LINES = ["CORNER SHOP", *ROWS, "TOTAL 23.20"]
FAR_RIGHT: list[list[float]] = [[1, 0, 0], [0, 1, 0], [1.2e-3, 0, 1]]
"""What is at the right end is smaller by half."""


def read(sheet: Sheet, quads: NDArray[np.float64]) -> list[str]:
    return [line for block in sheet.read(quads) for line in block]


@pytest.mark.parametrize(
    ("matrix", "place"),
    [
        (FAR_RIGHT, (0, 0)),
        (FAR_RIGHT, (0, 600)),  # where lines lean, and the columns stay upright
        (FAR_RIGHT, (0, -900)),
        ([[1, 0, 0], [0, 1, 0], [-7e-4, 0, 1]], (0, 300)),
        ([[1, 0.1, 0], [0.2, 1, 0], [8e-4, 1e-4, 1]], (0, 300)),
    ],
)
def test_a_receipt_from_aside(matrix: Sequence[Sequence[float]], place: tuple[float, float]) -> None:
    sheet = receipt()
    quads = seen_from(sheet.quads + place, matrix)
    heights = Words.of(quads).heights[2:-2]
    assert heights.max() > 1.2 * heights.min()
    assert read(sheet, quads) == LINES


@settings(max_examples=20, deadline=None)
@given(st.floats(-180, 180), st.floats(0.01, 100), st.floats(-600, 600))
def test_from_aside_at_any_size_and_turned(degrees: float, scale: float, place: float) -> None:
    sheet = receipt()
    quads = seen_from(sheet.quads + np.array([0, place]), FAR_RIGHT) @ turning(degrees) * scale
    assert read(sheet, quads) == LINES


def test_boxes_that_are_rectangles_and_a_little_off() -> None:
    """As the network draws them: their sides stand upright on each word."""
    sheet, rng = receipt(), np.random.default_rng(5)
    words = Words.of(seen_from(sheet.quads - np.array([0, 225]), FAR_RIGHT))
    half = np.stack([-words.units[:, 1], words.units[:, 0]], axis=1) * words.heights[:, None] / 2
    upper, lower = [words.starts - half, words.ends - half], [words.ends + half, words.starts + half]
    quads = np.stack([*upper, *lower], axis=1)
    for _ in range(10):
        assert read(sheet, quads + rng.normal(0, 0.3, quads.shape)) == LINES


@pytest.mark.parametrize("unsure", ["noise", "few lines", "every direction", "a point among them", "one row"])
def test_where_lines_do_not_surely_run_together_words_stay_as_they_are(unsure: str) -> None:
    sheet = receipt()
    quads = sheet.quads
    if unsure == "noise":
        quads = quads + np.random.default_rng(1).normal(0, 1, quads.shape)
    elif unsure == "few lines":
        quads = seen_from(quads[:8], FAR_RIGHT)
    elif unsure == "every direction":
        quads = np.concatenate([quad @ turning(40 * number) for number, quad in enumerate(quads)]).reshape(-1, 4, 2)
    elif unsure == "a point among them":
        quads = np.concatenate([one @ turning(30 * number) for number, one in enumerate([quads - 300] * 12)])
    else:
        quads = np.array([quads[0] + [200 * number, 0] for number in range(12)])
    words = Words.of(quads)
    assert from_the_front(words, lines_of(words)) is words


def test_what_is_not_finite_does_not_count() -> None:
    sheet = receipt()
    quads = seen_from(sheet.quads, FAR_RIGHT)
    sheet.words.append("nowhere")
    found = read(sheet, np.concatenate([quads, np.full((1, 4, 2), np.nan)]))
    assert [line for line in found if line != "nowhere"] == LINES
