"""Any function from crops to texts reads; what it is given, and what may come back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from east import Detections, Precision, TextBox, Timings
from east.ocr import RapidOcr
from east.reading import Crop, is_believed, read_crops


def crop(width: int, height: int = 10) -> Crop:
    return np.full((height, width, 3), (200, 100, 50), np.uint8)


def by_size(crops: list[Crop]) -> list[tuple[str, float]]:
    return [(f"{crop.shape[1]}x{crop.shape[0]}", 0.5) for crop in crops]


def words(*widths: int) -> Detections:
    """Words 10 pixels high, one under the other, in an image of three colours."""
    corners = [
        [(5, 20 * row), (5 + w, 20 * row), (5 + w, 20 * row + 10), (5, 20 * row + 10)] for row, w in enumerate(widths)
    ]
    boxes = tuple(TextBox(np.array(quad, np.float32), 0.9) for quad in corners)
    image = np.full((20 * len(widths) + 20, 300, 3), (200, 100, 50), np.uint8)
    height, width = image.shape[:2]
    return Detections(boxes, width, height, "openvino", Precision.INT8, Timings(), image)


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(1, 40)), max_size=20), st.integers(1, 25))
def test_texts_come_in_the_order_of_the_crops(sizes: list[tuple[int, int]], batch: int) -> None:
    crops = [crop(*size) for size in sizes]
    assert [text for text, _ in read_crops(by_size, crops, batch=batch)] == [f"{w}x{h}" for w, h in sizes]


@pytest.mark.parametrize(("surest", "text"), [(None, "upright"), ("left", "left"), ("right", "right")])
def test_a_tall_crop_is_read_turned_too_and_the_surest_reading_counts(surest: str | None, text: str) -> None:
    """Its first row is dark: turned to the left, its first column is; turned to the right, its last."""
    tall = crop(10, 15)
    tall[0] = 0

    def recogniser(crops: list[Crop]) -> list[tuple[str, float]]:
        seen = ["left" if not c[:, 0].any() else "right" if not c[:, -1].any() else "upright" for c in crops]
        return [(one, 0.9 if one == surest else 0.5) for one in seen]

    assert read_crops(recogniser, [tall, crop(10, 14), crop(40)], batch=2) == [
        (text, 0.5 if surest is None else 0.9),
        ("upright", 0.5),
        ("upright", 0.5),
    ]


@given(st.lists(st.integers(7, 200), min_size=1, max_size=20), st.integers(1, 8))
def test_words_of_like_shape_are_read_together(widths: list[int], batch: int) -> None:
    given_widths: list[list[int]] = []

    def recogniser(crops: list[Crop]) -> list[tuple[str, float]]:
        given_widths.append([crop.shape[1] for crop in crops])
        return by_size(crops)

    read_crops(recogniser, [crop(width) for width in widths], batch=batch)
    assert [width for some in given_widths for width in some] == sorted(widths)
    assert all(len(some) == batch for some in given_widths[:-1])
    assert len(given_widths[-1]) <= batch


def test_a_recogniser_is_not_called_for_nothing() -> None:
    def never(crops: list[Crop]) -> list[tuple[str, float]]:
        raise AssertionError

    assert read_crops(never, []) == []
    assert words().read(never).text == ""


@pytest.mark.parametrize("bgr", [False, True])
def test_crops_are_rgb_or_bgr(bgr: bool) -> None:
    seen: list[Any] = []

    def recogniser(crops: list[Crop]) -> list[tuple[str, float]]:
        seen.extend(crops)
        return by_size(crops)

    words(40, 30).read(recogniser, bgr=bgr)
    colour = (50, 100, 200) if bgr else (200, 100, 50)
    assert all((crop == colour).all() and crop.flags.c_contiguous and crop.dtype == np.uint8 for crop in seen)


def test_texts_ride_along() -> None:
    found = words(40, 80)
    read = found.read(by_size, padding=0.1)
    assert [(box.text, box.text_confidence) for box in read] == [("42x12", 0.5), ("82x12", 0.5)]
    assert [box.text for box in found] == [None, None]
    assert (read.width, read.weights, read.image is found.image) == (found.width, found.weights, True)
    assert read.text == "42x12\n82x12"
    assert json.loads(read.to_json())["boxes"][0] == {
        "quad": [[5.0, 0.0], [45.0, 0.0], [45.0, 10.0], [5.0, 10.0]],
        "score": 0.9,
        "text": "42x12",
        "text_confidence": 0.5,
    }
    header, first, _ = read.to_csv().splitlines()
    assert header == "x1,y1,x2,y2,x3,y3,x4,y4,score,text,text_confidence"
    assert first == "5.00,0.00,45.00,0.00,45.00,10.00,5.00,10.00,0.9000,42x12,0.5000"
    assert (read.draw() != found.draw()).any()


shares = st.floats(0, 1)


@given(shares, shares, shares, shares)
def test_the_less_sure_a_word_the_surer_must_be_its_text(score: float, less: float, sure: float, at: float) -> None:
    less = min(score, less)
    assert is_believed(1.0, sure, at) == (sure >= at)
    assert is_believed(score, sure, 0.0)
    assert is_believed(score, 1.0, at)
    assert is_believed(score, sure, at) >= is_believed(less, sure, at)


def test_what_is_not_read_surely_enough_is_left_out() -> None:
    found = words(40, 50, 60)
    scores = (0.9, 0.9, 0.2)
    found = replace(found, boxes=tuple(replace(box, score=score) for box, score in zip(found, scores, strict=True)))

    def recogniser(crops: list[Crop]) -> list[tuple[str, float]]:
        return [(str(crop.shape[1]), 0.8 if crop.shape[1] != 50 else 0.3) for crop in crops]

    assert found.read(recogniser).text.split() == ["40", "50", "60"]
    read = found.read(recogniser, text_threshold=0.7)
    assert [(box.text, box.text_confidence, box.score) for box in read] == [("40", 0.8, 0.9)]
    assert found.read(recogniser, text_threshold=0.2).text.split() == ["40", "50", "60"]
    assert found.read(recogniser, text_threshold=0.3).text.split() == ["40", "60"]
    unread = found.with_texts([("", 0.0)] * 3)
    assert len(unread) == 3
    for give in (partial(found.read, recogniser), partial(found.with_texts, [("word", 0.9)] * 3)):
        with pytest.raises(ValueError, match=r"text_threshold must be .*, got 1\.5"):
            give(text_threshold=1.5)
        with pytest.raises(ValueError, match=r"text_threshold must be .*, got nan"):
            give(text_threshold=float("nan"))
        with pytest.raises(TypeError, match="text_threshold must be a number from 0 to 1, got None"):
            give(text_threshold=None)


def test_what_was_read_is_known_however_many_words_are_left() -> None:
    read = words(40, 80).read(by_size)
    header = read.to_csv().splitlines()[0]
    none_sure = words(40, 80).read(by_size, text_threshold=0.9)
    for left in (none_sure, words().read(by_size), read.where([False, False]), read[:0]):
        assert len(left) == 0
        assert left.is_read
        assert left.to_csv() == f"{header}\n"
        assert "words found and read" in left.to_alto("a.png")
        assert left.text == ""
    by_hand = replace(words(40), boxes=(replace(words(40)[0], text="a", text_confidence=1.0),))
    for left in (by_hand[:0], by_hand.where([False]), by_hand[[False]]):
        assert left.is_read
    unread = words(40).where([False])
    assert not unread.is_read
    assert not words().is_read
    assert unread.to_csv() == words().to_csv() == "x1,y1,x2,y2,x3,y3,x4,y4,score\n"
    assert unread.text == ""


def test_a_text_with_commas_and_quotes_is_one_field_of_csv() -> None:
    read = words(40).read(lambda crops: [('1,5 "£"', 1)])
    assert read.to_csv().splitlines()[1].endswith(',0.9000,"1,5 ""£""",1.0000')
    assert words().to_csv(texts=True) == "x1,y1,x2,y2,x3,y3,x4,y4,score,text,text_confidence\n"


def test_a_text_is_one_line_without_blanks_around_it() -> None:
    assert words(40).read(lambda crops: [(" two \n lines\x0c", 1)])[0].text == "two lines"


def test_words_in_which_nothing_was_read_are_no_lines() -> None:
    read = words(40, 80, 30).read(lambda crops: [("", 0.0) if c.shape[1] == 80 else ("word", 1.0) for c in crops])
    assert read.text == "word\nword"
    assert read[1].text == ""


def test_the_text_of_what_was_not_read_is_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match=r"call found\.read\(recogniser\) first"):
        _ = words(40).text


@pytest.mark.parametrize("confidence", [1.0004, np.float32(1.0000001), -1e-7])
def test_a_confidence_may_be_off_by_rounding(confidence: float) -> None:
    assert words(40).read(lambda crops: [("a", confidence)])[0].text_confidence in (0.0, 1.0)


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (lambda crops: [("a", 1.0)], ValueError, "got 1 for 2 crops"),
        (lambda crops: [("a", 1.0)] * 3, ValueError, "got 3 for 2 crops"),
        (lambda crops: None, TypeError, "got NoneType for 2 crops"),
        (lambda crops: ["ab", "cd"], TypeError, "a string and a number, got 'ab'"),
        (lambda crops: [("a", "b")] * 2, TypeError, r"got \('a', 'b'\)"),
        (lambda crops: [(0.5, "a")] * 2, TypeError, r"got \(0.5, 'a'\)"),
        (lambda crops: [("a", None)] * 2, TypeError, r"got \('a', None\)"),
        (lambda crops: [("a",)] * 2, TypeError, r"got \('a',\)"),
        (lambda crops: [(None, 0.0)] * 2, TypeError, r"got \(None, 0.0\)"),
        (lambda crops: [("a", 97)] * 2, ValueError, r"between 0 and 1, got \('a', 97\)"),
        (lambda crops: [("a", float("nan"))] * 2, ValueError, r"between 0 and 1, got \('a', nan\)"),
        (lambda crops: [("x" * 999, 2)] * 2, ValueError, r"\.\.\.$"),
    ],
)
def test_an_answer_of_another_kind_is_named_in_one_line(
    answer: Callable[[list[Crop]], Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told) as raised:
        words(40, 80).read(answer)
    assert str(raised.value).startswith("a recogniser must give one (text, confidence) for each crop")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("recogniser", "got"),
    [
        (None, "got None"),
        ("rapidocr", "got 'rapidocr'"),
        (RapidOcr, r"got the class RapidOcr: make one of it, RapidOcr\(\)"),
    ],
)
def test_what_is_no_recogniser_is_named(recogniser: Any, got: str) -> None:
    with pytest.raises(TypeError, match=f"^a recogniser is a function from crops to a .*, {got}$"):
        words(40).read(recogniser)
    with pytest.raises(TypeError, match=r"^a recogniser is "):
        words().read(recogniser)


def test_a_batch_of_none_and_a_picture_that_was_not_kept_are_errors() -> None:
    with pytest.raises(ValueError, match="batch must be at least 1, got 0"):
        words(40).read(by_size, batch=0)
    with pytest.raises(ValueError, match="batch must be a whole number of at least 1, got 'x'"):
        words(40).read(by_size, batch="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bgr must be true or false, got 1"):
        words(40).read(by_size, bgr=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="was not kept"):
        replace(words(40), image=None).read(by_size)


def test_what_is_asked_before_each_batch_may_end_the_reading() -> None:
    asked: list[int] = []

    def before() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        words(40, 50, 60).read(by_size, batch=1, before_each=before)
