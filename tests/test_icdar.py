"""What the protocol reads and what it refuses, line by line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from east.errors import FormatError
from east.icdar import has_confidence, parse_detected, parse_ground_truth

SQUARE = "0,0,10,0,10,10,0,10"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("word", "word"),
        ("", ""),
        ("a,b,c", "a,b,c"),
        ('"quoted, with comma"', "quoted, with comma"),
        (r'"say \"hi\" and \\"', 'say "hi" and \\'),
        ('6" pipe', '6" pipe'),
        ("日本語", "日本語"),
    ],
)
def test_transcriptions(line: str, text: str) -> None:
    assert parse_ground_truth(f"{SQUARE},{line}".encode(), "gt").transcriptions == (text,)


@pytest.mark.parametrize(("text", "ignored"), [("###", True), ('"###"', True), (" ###", False), ("####", False)])
def test_only_three_hashes_mean_dont_care(text: str, ignored: bool) -> None:
    assert parse_ground_truth(f"{SQUARE},{text}".encode(), "gt").dont_care.tolist() == [ignored]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\n\n\n", "\r\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark(ending: str, mark: bytes) -> None:
    data = mark + ending.join([SQUARE, "1,1,5,1,5,5,1,5", ""]).encode()
    found = parse_detected(data, "res", confidences=False)
    assert found.quads.tolist() == [[[0, 0], [10, 0], [10, 10], [0, 10]], [[1, 1], [5, 1], [5, 5], [1, 5]]]


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert parse_ground_truth(f"{SQUARE},caf".encode() + b"\xe9", "gt").transcriptions == ("caf\ufffd",)


@pytest.mark.parametrize(
    "line",
    [
        SQUARE,
        " 0 , 0,\t10,0,10,10,0,10 ",
        "-5,-5,2000,-5,2000,3000,-5,3000",  # outside of any image
        "0,0,0,0,0,0,0,0",
        "0,0,0,0,10,10,0,10",  # a point twice
        "0,0,10,10,10,0,0,10",  # crossing itself, both lobes cancelling
        "007,0,10,0,10,10,0,10",
    ],
)
def test_quads_that_are_accepted(line: str) -> None:
    assert parse_detected(line.encode(), "res", confidences=False).quads.shape == (1, 4, 2)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0,0,10,0,10,10,0", "expected x1,y1"),
        (f"{SQUARE},", "expected x1,y1"),
        (f"{SQUARE},0.5", "expected x1,y1"),
        ("0.0,0,10,0,10,10,0,10", "expected x1,y1"),
        ("+1,0,10,0,10,10,0,10", "expected x1,y1"),
        ("- 1,0,10,0,10,10,0,10", "expected x1,y1"),
        ("a,b,c,d,e,f,g,h", "expected x1,y1"),
        (" ", "expected x1,y1"),
        ("0,0,0,10,10,10,10,0", "not clockwise"),
        ("99999999999,0,10,0,10,10,0,10", "32 bits"),
        ("9" * 400 + ",0,10,0,10,10,0,10", "32 bits"),
    ],
)
def test_lines_that_are_refused(line: str, reason: str) -> None:
    with pytest.raises(FormatError, match=reason) as caught:
        parse_detected(f"{SQUARE}\n{line}\n".encode(), "res_img_7.txt", confidences=False)
    assert str(caught.value).startswith("res_img_7.txt, line 2: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"), [("0.5", 0.5), ("1", 1.0), ("0.", 0.0), ("12", 12.0), ("1e2", 100.0), (" 0.25 ", 0.25)]
)
def test_confidences_that_the_official_pattern_lets_pass(text: str, value: float) -> None:
    found = parse_detected(f"{SQUARE},{text}".encode(), "res", confidences=True)
    assert found.confidences is not None
    assert found.confidences.tolist() == [value]


@pytest.mark.parametrize("text", ["", ".5", "-0.1", "2", "nan", "0x5", "0 5", "0.5,", "###", "0.5e1"])
def test_confidences_that_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_detected(f"{SQUARE},{text}".encode(), "res", confidences=True)


@given(st.lists(st.floats(0, 1, width=16), min_size=1, max_size=12, unique=True))
def test_detections_come_by_falling_confidence(values: list[float]) -> None:
    lines = "\n".join(f"{i},0,{i + 5},0,{i + 5},5,{i},5,{value:.9f}" for i, value in enumerate(values))
    found = parse_detected(lines.encode(), "res", confidences=True)
    assert found.confidences is not None
    written = [float(f"{value:.9f}") for value in values]
    assert found.confidences.tolist() == sorted(written, reverse=True)
    assert [written[x] for x in found.quads[:, 0, 0]] == found.confidences.tolist()


def test_empty_file() -> None:
    found = parse_detected(b"", "res", confidences=True)
    assert found.quads.shape == (0, 4, 2)
    assert found.quads.dtype == np.int32


@pytest.mark.parametrize(("data", "answer"), [(b"", None), (b"\r\n\n", None), (b"\n1,2,3,4,5,6,7,8", False)])
def test_whether_there_are_confidences(data: bytes, answer: bool | None) -> None:
    assert has_confidence(data) is answer
    assert has_confidence(b"1,2,3,4,5,6,7,8,0.5\n1,2,3,4,5,6,7,8") is True
