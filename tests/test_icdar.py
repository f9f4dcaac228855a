"""What the protocol reads and what it refuses, line by line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from east.errors import FormatError
from east.icdar import format_lines, has_confidence, parse_detected, parse_ground_truth, reportable

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


# --- training's rule ----------------------------------------------------------------------------------------------


def test_lenient_lines_may_have_decimals_and_blanks_around_them() -> None:
    data = b"\xef\xbb\xbf 0.5,0,1e1,0, 10,10 ,0,10,a, b \r\n\r\n  \n" + f"{SQUARE},###".encode()
    truth = parse_ground_truth(data, "gt", lenient=True)
    assert truth.quads.dtype == np.float32
    assert truth.quads.tolist() == [[[0.5, 0], [10, 0], [10, 10], [0, 10]], [[0, 0], [10, 0], [10, 10], [0, 10]]]
    assert truth.transcriptions == ("a, b", "###")
    assert truth.dont_care.tolist() == [False, True]


def test_lenient_quads_are_turned_clockwise_and_keep_their_first_corner() -> None:
    truth = parse_ground_truth(b"0,0,0,10,10,10,10,0,word", "gt", lenient=True)
    assert truth.quads.tolist() == [[[0, 0], [10, 0], [10, 10], [0, 10]]]


@pytest.mark.parametrize("text", ['"quoted"', r"back\\slash", "", "caf\ufffd"])
def test_lenient_transcriptions_are_kept_as_they_stand(text: str) -> None:
    data = f"{SQUARE},{text}".encode().replace("\ufffd".encode(), b"\xe9")
    assert parse_ground_truth(data, "gt", lenient=True).transcriptions == (text,)


def test_a_lenient_file_may_end_its_lines_with_carriage_returns_alone() -> None:
    truth = parse_ground_truth(f"{SQUARE},a\r{SQUARE},b\r".encode(), "gt", lenient=True)
    assert truth.transcriptions == ("a", "b")
    assert parse_ground_truth(b"", "gt", lenient=True).quads.shape == (0, 4, 2)


@pytest.mark.parametrize("line", ["1,2,3,4,5,6,7,8", "1,2,3,4,5,6,x,8,word", "word", ","])
def test_lenient_lines_that_are_refused(line: str) -> None:
    with pytest.raises(FormatError, match="expected eight coordinates and a transcription") as caught:
        parse_ground_truth(f"{SQUARE},fine\n{line}\n".encode(), "gt_img_7.txt", lenient=True)
    assert str(caught.value).startswith("gt_img_7.txt, line 2: ")
    assert repr(line) in str(caught.value)


# --- writing ------------------------------------------------------------------------------------------------------


def test_lines_are_whole_pixels_and_what_comes_last() -> None:
    quads = np.array([[[0.4, -0.4], [9.6, 0], [10, 10.5], [0, 11.5]]] * 2)
    assert format_lines(quads, ["a,b", ""]) == "0,0,10,0,10,10,0,12,a,b\n0,0,10,0,10,10,0,12,\n"
    assert format_lines(quads[:1], end="\r\n") == "0,0,10,0,10,10,0,12\r\n"
    assert format_lines(quads[:0]) == ""
    with pytest.raises(ValueError, match="shorter"):
        format_lines(quads, ["one"])


@given(
    arrays(np.float64, (3, 4, 2), elements=st.floats(-(2.0**40), 2.0**40) | st.integers(-20, 20).map(float)),
)
def test_whatever_is_written_is_clockwise_and_read_back(quads: NDArray[np.float64]) -> None:
    written = parse_ground_truth(format_lines(quads, "abc").encode(), "gt")
    assert written.transcriptions == ("a", "b", "c")
    assert parse_detected(format_lines(written.quads).encode(), "res", confidences=False).quads.tolist() == (
        written.quads.tolist()
    )
    whole = quads.round().clip(-(2**31), 2**31 - 1)
    assert ((written.quads == whole) | (written.quads == whole[:, [0, 3, 2, 1]])).all(axis=(1, 2)).all()


@pytest.mark.parametrize(("width", "height", "reported"), [(30, 5, True), (30, 4.9, False), (4.9, 30, False)])
def test_words_with_a_side_under_five_pixels_are_not_reported(width: float, height: float, reported: bool) -> None:
    quad = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    assert reportable(quad[None]).tolist() == [reported]
    assert reportable(np.empty((0, 4, 2), np.float32)).tolist() == []
