"""Detections: a sequence of words, and the forms they are written in."""

from __future__ import annotations

import json
import pickle
import re
import tracemalloc
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from east import Detections, Precision, TextBox, Timings

WIDE = [(10.126, 20.0), (50.0, 20.5), (49.6, 40.49), (9.99999, 40.0)]
OUTSIDE = [(-3.4, 60.0), (30.0, 60.0), (30.0, 70.0), (-3.6, 70.0)]
THIN = [(60.0, 80.0), (90.0, 80.0), (90.0, 84.9), (60.0, 84.9)]


def detections(*quads: ArrayLike, score: float = 0.98765, **fields: Any) -> Detections:
    return Detections(
        boxes=tuple(TextBox(np.array(quad, np.float32), score) for quad in quads),
        **{
            "width": 120,
            "height": 100,
            "runtime": "openvino",
            "precision": Precision.FP32,
            "timings": Timings(1.23456, 2.0, 300.0, 4.0),
            "image": np.full((100, 120, 3), 90, np.uint8),
            "weights": "seed",
            **fields,
        },
    )


def test_it_is_a_sequence_of_boxes() -> None:
    found = detections(WIDE, OUTSIDE, THIN)
    assert isinstance(found, Sequence)
    assert len(found) == 3
    assert list(found) == list(found.boxes)
    assert found[-1] is found.boxes[2]
    assert found[1:].boxes == found.boxes[1:]
    assert found.boxes[1] in found
    assert not detections()


def test_it_cannot_be_changed_and_does_not_print_its_pixels() -> None:
    found = detections(WIDE)
    with pytest.raises(FrozenInstanceError):
        found.width = 3  # type: ignore[misc]
    assert repr(found) == "<Detections: 1 word in 120x100, openvino FP32>"
    assert repr(detections()) == "<Detections: 0 words in 120x100, openvino FP32>"


@pytest.mark.parametrize(("name", "shape"), [("quads", (4, 2)), ("scores", ()), ("xyxy", (4,))])
def test_arrays_have_one_shape_and_type_even_of_nothing(name: str, shape: tuple[int, ...]) -> None:
    for quads in ([], [WIDE], [WIDE, THIN]):
        values = getattr(detections(*quads), name)
        assert values.shape == (len(quads), *shape)
        assert values.dtype == np.float32


def test_rectangles_polygons_and_scores_are_those_of_the_words() -> None:
    found = detections(WIDE, OUTSIDE)
    assert found.xyxy == pytest.approx(np.array([[9.99999, 20, 50, 40.49], [-3.6, 60, 30, 70]]))
    assert found.scores == pytest.approx([0.98765, 0.98765])
    assert np.array_equal(found.polygons, found.quads)
    assert detections().polygons == []


SCORED = replace(
    detections(), boxes=tuple(TextBox(np.full((4, 2), n, np.float32), n / 10, text=str(n)) for n in range(8))
)


@pytest.mark.parametrize(
    ("index", "chosen"),
    [
        (slice(1, None, 2), [1, 3, 5, 7]),
        (slice(0, 0), []),
        ([5, 0, -1], [5, 0, 7]),
        (np.array([2, 2]), [2, 2]),
        (np.array([], np.int64), []),
        ([], []),
        ([True, *[False] * 6, True], [0, 7]),
        (np.arange(8) > 5, [6, 7]),
        (np.array([1.0, 3.0]).argsort(), [0, 1]),
    ],
)
def test_slices_masks_and_numbers_give_detections(index: Any, chosen: list[int]) -> None:
    part = SCORED[index]
    assert isinstance(part, Detections)
    assert [box.text for box in part] == [str(number) for number in chosen]
    assert part.image is SCORED.image
    assert (part.width, part.weights, part.timings) == (SCORED.width, SCORED.weights, SCORED.timings)


def test_one_word_is_chosen_by_any_whole_number() -> None:
    for number in (3, np.int64(3), np.uint8(3), np.array(3)):
        assert SCORED[number] is SCORED.boxes[3]


def test_where_takes_a_mask() -> None:
    assert [box.text for box in SCORED.where(SCORED.scores > 0.5)] == ["6", "7"]
    assert len(SCORED.where([False] * 8)) == 0
    assert len(detections().where(detections().scores > 0.5)) == 0
    with pytest.raises(TypeError, match=r"a mask, such as found.scores > 0.5, got \[6, 7\]"):
        SCORED.where([6, 7])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("index", "error", "told"),
    [
        ([True, False], IndexError, "each of the 8 words, got 2"),
        (np.ones((8, 2), bool), IndexError, r"shape \(8, 2\)"),
        ([0, 8], IndexError, "out of range"),
        ([0.5], TypeError, "float64"),
        ("words", TypeError, "str"),
        (1.0, TypeError, "float"),
    ],
)
def test_what_chooses_no_word_is_told(index: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        SCORED[index]


def test_clipped_words_lie_within_the_image() -> None:
    found = detections(WIDE, OUTSIDE, [(100, 90), (130, 95), (128, 104), (99, 99)])
    clipped = found.clipped()
    assert np.array_equal(clipped.quads[0], found.quads[0])
    assert np.array_equal(clipped.quads[1], np.array([(0, 60), (30, 60), (30, 70), (0, 70)], np.float32))
    assert np.array_equal(clipped.quads[2], np.array([(100, 90), (120, 95), (120, 100), (99, 99)], np.float32))
    assert [box.score for box in clipped] == [box.score for box in found]
    assert len(detections().clipped()) == 0


def test_it_survives_pickling_with_all_that_is_known_of_each_word() -> None:
    for found in (SCORED, detections(WIDE, OUTSIDE, source="a.jpg"), detections()):
        again = pickle.loads(pickle.dumps(found))  # noqa: S301
        assert [(box.quad.tolist(), box.score, box.text) for box in again] == [
            (box.quad.tolist(), box.score, box.text) for box in found
        ]
        assert all(box.quad.dtype == np.float32 for box in again)
        assert (again.source, again.timings, repr(again)) == (found.source, found.timings, repr(found))
        assert np.array_equal(np.asarray(again.image), np.asarray(found.image))


def test_a_thousand_results_without_pictures_are_small() -> None:
    """Of 15 words each; the photographs of ICDAR2015 have 12."""
    tracemalloc.start()
    results = []
    for _ in range(1000):
        quads = np.random.default_rng(0).random((15, 4, 2), np.float32)
        boxes = tuple(TextBox(quad, score / 15) for score, quad in enumerate(quads))
        results.append(replace(SCORED, boxes=boxes, image=None, timings=Timings(1.0, 2.0, 3.0, 4.0)))
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 5e6
    assert len(pickle.dumps(results)) < 2.5e6
    assert sum(len(pickle.dumps(found)) for found in results) < 2.5e6


def test_dict_is_the_rest_answer() -> None:
    assert detections(WIDE).to_dict() == {
        "image": {"width": 120, "height": 100},
        "boxes": [{"quad": [[10.13, 20.0], [50.0, 20.5], [49.6, 40.49], [10.0, 40.0]], "score": 0.9877}],
        "tiles": 1,
        "runs": 1,
        "model": {"weights": "seed", "runtime": "openvino", "precision": "FP32"},
        "timings_ms": {"decode": 1.235, "resize": 2.0, "network": 300.0, "postprocess": 4.0, "total": 307.235},
    }


def test_json_is_the_dict_and_strict() -> None:
    found = detections(WIDE, OUTSIDE, weights="größe")
    assert json.loads(found.to_json()) == found.to_dict()
    assert "größe" in found.to_json()
    assert found.to_json(indent=2).startswith('{\n  "image"')
    assert json.loads(detections().to_json())["boxes"] == []
    with pytest.raises(ValueError, match="JSON compliant"):
        detections([(float("nan"), 0)] * 4).to_json()


def test_csv_has_a_header_and_a_line_a_word() -> None:
    assert detections(WIDE).to_csv() == (
        "x1,y1,x2,y2,x3,y3,x4,y4,score\n10.13,20.00,50.00,20.50,49.60,40.49,10.00,40.00,0.9877\n"
    )
    assert detections().to_csv() == "x1,y1,x2,y2,x3,y3,x4,y4,score\n"


def test_icdar_has_whole_pixels_and_leaves_thin_words_out() -> None:
    found = detections(WIDE, THIN, OUTSIDE)
    assert found.to_icdar() == "10,20,50,20,50,40,10,40\n-3,60,30,60,30,70,-4,70\n"
    assert found.to_icdar(scores=True).splitlines()[0] == "10,20,50,20,50,40,10,40,0.98765"
    assert detections(THIN).to_icdar() == ""


def test_a_word_just_thick_enough_is_written_for_icdar() -> None:
    assert detections([(0, 0), (30, 0), (30, 5), (0, 5)]).to_icdar() == "0,0,30,0,30,5,0,5\n"


def test_icdar_is_clockwise_even_where_rounding_turns_a_sliver_over() -> None:
    sliver = [(3.8, 48.1), (6.8, 29.9), (9.3, 15.0), (6.3, 33.3)]
    assert detections(sliver).to_icdar() == "4,48,6,33,9,15,7,30\n"
    counter_clockwise = [(0, 0), (0, 30), (30, 30), (30, 0)]
    assert detections(counter_clockwise).to_icdar() == "0,0,30,0,30,30,0,30\n"


@given(st.lists(st.floats(0, 1, width=32), unique=True))
def test_scores_for_icdar_keep_their_order(scores: list[float]) -> None:
    boxes = tuple(TextBox(np.array(WIDE, np.float32), score) for score in scores)
    lines = replace(detections(), boxes=boxes).to_icdar(scores=True).splitlines()
    texts = [line.split(",")[8] for line in lines]
    assert all(re.fullmatch(r"[01]\.[0-9]+", text) for text in texts)
    assert [np.float32(text) for text in texts] == sorted(map(np.float32, scores), reverse=True)


def test_drawings_and_crops_come_from_the_image() -> None:
    found = detections(WIDE, OUTSIDE)
    assert found.draw().shape == (100, 120, 3)
    assert found.image is not None
    assert (found.image == 90).all()
    assert (found.draw(scores=True) != found.draw()).any()
    assert [crop.shape[0] for crop in found.crops(height=32)] == [32, 32]
    assert found.crops(padding=0.5)[0].shape > found.crops()[0].shape
    assert detections().crops() == []


def test_without_its_image_a_result_cannot_be_drawn_and_says_so() -> None:
    found = replace(detections(WIDE), image=None)
    assert found.to_icdar() == detections(WIDE).to_icdar()
    for picture in (found.draw, found.crops):
        with pytest.raises(ValueError, match="was not kept"):
            picture()


def read_words(*words: tuple[str, float, float]) -> Detections:
    """Detections of texts whose boxes, 10 pixels high and 6 a letter wide, have their top-left corners there."""
    quads = [[(x, y), (x + 6 * len(text), y), (x + 6 * len(text), y + 10), (x, y + 10)] for text, x, y in words]
    found = detections(*quads)
    return found.with_texts([(text.strip("_"), 0.9) for text, _, _ in words])


SIGN = read_words(("below", 0, 15), ("a", 0, 0), ("line", 10, 0), ("____", 37, 0), ("EXIT", 90, 0))


def test_lines_are_words_in_reading_order() -> None:
    first, second, sign = SIGN.lines()
    assert [box.text for box in first] == ["a", "line", ""]
    assert (first.text, second.text, sign.text) == ("a line", "below", "EXIT")
    assert first[0] is SIGN.boxes[1]
    assert first[1:] == (SIGN.boxes[2], SIGN.boxes[3])
    assert len(first) == 3
    np.testing.assert_allclose(first.quad, [(0, 0), (61, 0), (61, 10), (0, 10)])
    assert first.quad.dtype == np.float32
    assert [len(block) for block in SIGN.blocks()] == [2, 1]


def test_text_has_an_empty_line_around_paragraphs_only() -> None:
    assert SIGN.text == "a line\nbelow\n\nEXIT"
    assert read_words(("EXIT", 90, 0), ("SALE", 0, 0), ("NOW", 90, 60)).text == "SALE\nEXIT\nNOW"
    assert read_words(("____", 0, 0), ("only", 0, 15), ("SALE", 90, 0)).text == "only\nSALE"
    assert detections().text == ""
    assert not detections().lines()
    assert not detections().blocks()


def test_lines_of_words_that_nobody_has_read_have_no_text() -> None:
    [line] = detections(WIDE).lines()
    assert line.text == ""
    with pytest.raises(ValueError, match=r"found\.read\(recogniser\)"):
        _ = detections(WIDE).text


def test_ranked_begins_with_the_surest() -> None:
    boxes = tuple(TextBox(np.array(WIDE, np.float32), score) for score in (0.2, 0.9, 0.5, 0.9))
    found = replace(detections(), boxes=boxes)
    assert found.ranked().boxes == (boxes[1], boxes[3], boxes[2], boxes[0])
    assert found.boxes == boxes
