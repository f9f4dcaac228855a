"""Detections: a sequence of words, and the forms they are written in."""

from __future__ import annotations

import json
import re
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
    assert found[1:] == found.boxes[1:]
    assert found.boxes[1] in found
    assert not detections()


def test_it_cannot_be_changed_and_does_not_print_its_pixels() -> None:
    found = detections(WIDE)
    with pytest.raises(FrozenInstanceError):
        found.width = 3  # type: ignore[misc]
    assert "image=" not in repr(found)


def test_quads_are_one_array_even_of_nothing() -> None:
    assert detections(WIDE, THIN).quads.shape == (2, 4, 2)
    assert detections().quads.shape == (0, 4, 2)
    assert detections().quads.dtype == np.float32


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
    assert np.argsort([float(text) for text in texts]).tolist() == np.argsort(scores).tolist()


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
