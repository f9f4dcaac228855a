"""Reading is scored as the competition's task 4.4 does: found, and the text right but for what its rules allow."""

from __future__ import annotations

import numpy as np
import pytest

from east.icdar import GroundTruth
from east.metrics import Counts
from eval.end_to_end import ReadWords, is_right, score_texts
from eval.journal import ImageResult


@pytest.mark.parametrize(
    ("transcription", "text"),
    [
        ("Exit", "EXIT"),
        ("exit!", "Exit"),
        ("(exit)", "exit"),
        ("(exit)", "(exit"),
        ("(exit)", "exit)"),
        ("'t", "t"),
        ("£3.50", "£3.50"),
        ("straße", "STRASSE"),
    ],
)
def test_case_and_a_special_character_at_an_end_do_not_matter(transcription: str, text: str) -> None:
    assert is_right(transcription, text)


@pytest.mark.parametrize(
    ("transcription", "text"),
    [
        ("exit", "exlt"),
        ("exit", "exit!"),  # what is read besides is wrong
        ("exit!!", "exit"),  # one character, not all
        ("3.50", "350"),  # not inside
        ("-exit-", "exit"),  # a dash is none of them
        ("exit", ""),
        ("", "exit"),
    ],
)
def test_everything_else_does(transcription: str, text: str) -> None:
    assert not is_right(transcription, text)


def line(x: int, score: float) -> str:
    return f"{x},10,{x + 60},10,{x + 60},30,{x},30,{score}\n"


def result(*words: tuple[int, float, str]) -> ImageResult:
    lines = "".join(line(x, score) for x, score, _ in words)
    return ImageResult(lines, 900, 40, 0, 0, 0, 0, 0, 0, tuple(text for _, _, text in words))


def truth(*words: tuple[int, str]) -> GroundTruth:
    quads = [[(x, 10), (x + 60, 10), (x + 60, 30), (x, 30)] for x, _ in words]
    return GroundTruth(np.array(quads, np.int32).reshape(-1, 4, 2), tuple(text for _, text in words))


def counts(truths: GroundTruth, found: ImageResult) -> Counts:
    return score_texts({"1": truths}, {"1": ReadWords.of("1", found)})


def test_a_word_counts_when_it_is_found_and_read_right() -> None:
    there = truth((0, "one"), (100, "two"), (200, "three"), (300, "four"))
    found = result((0, 0.5, "One"), (100, 0.9, "too"), (500, 0.7, "three"))
    assert counts(there, found) == Counts(matched=1, words=4, detections=3)


def test_texts_stay_with_their_words_however_they_are_ranked() -> None:
    there = truth((0, "a"), (100, "b"), (200, "c"))
    for scores in ((0.1, 0.2, 0.3), (0.3, 0.1, 0.2), (0.2, 0.2, 0.2)):
        found = result(*zip((0, 100, 200), scores, "abc", strict=True))
        assert counts(there, found) == Counts(3, 3, 3)


def test_short_words_and_numbers_count_and_illegible_ones_do_not() -> None:
    there = truth((0, "7"), (100, "###"))
    assert counts(there, result((0, 0.5, "7"), (100, 0.5, "what"))) == Counts(1, 1, 1)


def test_a_box_in_which_nothing_was_read_is_no_word() -> None:
    there = truth((0, "one"))
    assert counts(there, result((2, 0.9, ""), (0, 0.4, "one"))) == Counts(1, 1, 1)
    assert counts(there, result()) == Counts(0, 1, 0)


def test_images_add_up() -> None:
    truths = {"1": truth((0, "one")), "2": truth((0, "two"))}
    read = {"1": ReadWords.of("1", result((0, 0.5, "one"))), "2": ReadWords.of("2", result((0, 0.5, "one")))}
    assert score_texts(truths, read) == Counts(1, 2, 2)
