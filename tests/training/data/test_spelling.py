from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from east.training.data.spelling import LONGEST, SYMBOLS, spell


def test_letters_of_either_case_are_one() -> None:
    lower, upper = spell([string.ascii_lowercase[:13], string.ascii_uppercase[:13]])
    assert lower[:14].tolist() == upper[:14].tolist() == [*range(1, 14), 0]


def test_every_letter_and_digit_has_its_own_number() -> None:
    characters = string.ascii_uppercase + string.digits
    assert spell(list(characters))[:, 0].tolist() == list(range(1, SYMBOLS))


@pytest.mark.parametrize("character", ["-", "'", " ", "@", "[", "{", "`", "é", "Ω", "½", "٣", "中", "ß", "ﬁ"])
def test_anything_else_is_one_symbol(character: str) -> None:
    assert spell([f"a{character}1"])[0, :4].tolist() == [1, SYMBOLS, 28, 0]


def test_a_word_that_is_too_long_is_not_spelled() -> None:
    fits, too_long = spell(["x" * LONGEST, "x" * (LONGEST + 1)])
    assert fits.tolist() == [24] * LONGEST
    assert not too_long.any()


def test_of_no_words_nothing_is_spelled() -> None:
    assert spell([]).shape == (0, LONGEST)
    assert not spell([""]).any()


@given(st.lists(st.text(max_size=30), max_size=4))
@example(["Straße"])
def test_a_word_of_any_script_has_a_number_for_each_character(texts: list[str]) -> None:
    spelled = spell(texts)
    assert spelled.dtype == np.uint8
    assert spelled.shape == (len(texts), LONGEST)
    for row, text in zip(spelled, texts, strict=True):
        length = len(text) if len(text) <= LONGEST else 0
        assert ((row[:length] >= 1) & (row[:length] <= SYMBOLS)).all()
        assert not row[length:].any()
