"""Submissions as zips and folders: what is accepted, what is refused."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from east import Detections, Precision, TextBox, Timings
from east.errors import FormatError, SubmissionError
from east.icdar import Detected, parse_detected
from eval.submission import read_ground_truths, read_submission, write_submission

SQUARE = "0,0,10,0,10,10,0,10"


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_zip_and_folder_are_read_alike(tmp_path: Path) -> None:
    files = {"res_img_1.txt": SQUARE, "res_img_2.txt": ""}
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    for source in (zipped(tmp_path / "a.zip", files), folder):
        found = read_submission(source, {"1", "2", "3"})
        assert {key: len(value.quads) for key, value in found.items()} == {"1": 1, "2": 0}


@pytest.mark.parametrize(
    "name", ["readme.txt", "img_1.txt", "RES_IMG_1.txt", "sub/res_img_1.txt", "sub/", "res_img_.txt", "res_img_1.csv"]
)
def test_other_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SubmissionError, match=r"only files res_img_N\.txt") as caught:
        read_submission(zipped(tmp_path / "a.zip", {"res_img_1.txt": SQUARE, name: ""}), {"1"})
    assert repr(name) in str(caught.value)


def test_a_folder_in_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "res_img_1.txt").write_text(SQUARE)
    (tmp_path / "more").mkdir()
    with pytest.raises(SubmissionError, match="'more/'"):
        read_submission(tmp_path, {"1"})


def test_names_that_the_official_pattern_lets_pass(tmp_path: Path) -> None:
    found = read_submission(
        zipped(tmp_path / "a.zip", {"res_img_1.txt.old": SQUARE, "res_img_2-txt": SQUARE}), {"1", "2"}
    )
    assert found.keys() == {"1", "2"}


@pytest.mark.parametrize("name", ["res_img_9.txt", "res_img_01.txt"])
def test_images_that_the_ground_truth_lacks_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SubmissionError, match="the ground truth has no image"):
        read_submission(zipped(tmp_path / "a.zip", {name: SQUARE}), {"1"})


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 truncated"])
def test_files_that_are_no_zip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(SubmissionError, match="neither a folder nor a zip"):
        read_submission(tmp_path / "a.zip", {"1"})


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"res_img_1.txt": SQUARE})
    path.write_bytes(path.read_bytes().replace(SQUARE.encode(), SQUARE.encode()[::-1]))
    with pytest.raises(SubmissionError, match="CRC"):
        read_submission(path, {"1"})


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="does not exist"):
        read_submission(tmp_path / "none.zip", {"1"})


def test_a_zip_that_unpacks_to_too_much(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"res_img_{number}.txt", bytes(100 * 2**20))
    with pytest.raises(SubmissionError, match="256 MiB"):
        read_submission(tmp_path / "a.zip", {"0", "1", "2"})


def test_confidences_must_be_everywhere_or_nowhere(tmp_path: Path) -> None:
    mixed = zipped(tmp_path / "a.zip", {"res_img_1.txt": f"{SQUARE},0.5", "res_img_2.txt": SQUARE})
    with pytest.raises(FormatError, match=r"res_img_2.txt, line 1"):
        read_submission(mixed, {"1", "2"})
    with pytest.raises(FormatError, match=r"res_img_1.txt, line 1"):
        read_submission(mixed, {"1", "2"}, confidences=False)


def test_ground_truths_ignore_other_files(tmp_path: Path) -> None:
    path = zipped(tmp_path / "gt.zip", {"gt_img_2.txt": f"{SQUARE},b", "readme": "", "gt_img_1.txt": f"{SQUARE},a"})
    assert list(read_ground_truths(path)) == ["2", "1"]
    with pytest.raises(SubmissionError, match="no ground truth"):
        read_ground_truths(zipped(tmp_path / "none.zip", {"readme": ""}))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    quads = np.array([[[-3, 0], [10, 0], [10, 10], [0, 10]], [[0, 0], [2000, 0], [2000, 9], [0, 9]]], np.int32)
    detected = {"7": Detected(quads, np.array([0.9, 0.5])), "8": Detected(quads[:0])}
    for name in ("a.zip", "b.zip"):
        with (tmp_path / name).open("wb") as file:
            write_submission(file, detected)
    found = read_submission(tmp_path / "a.zip", {"7", "8"})
    assert found["7"].quads.tolist() == quads.tolist()
    assert found["7"].confidences is None
    assert len(found["8"].quads) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO((tmp_path / "a.zip").read_bytes())) as archive:
        assert archive.read("res_img_7.txt") == b"-3,0,10,0,10,10,0,10\r\n0,0,2000,0,2000,9,0,9\r\n"


CORNERS = (
    st.floats(-50, 1500, width=32)
    | st.integers(-20, 40).map(lambda half: half / 2)
    | st.floats(-(2.0**40), 2.0**40, width=32)
)
SLIVER = np.array([(3.8, 48.1), (6.8, 29.9), (9.3, 15.0), (6.3, 33.3)], np.float32)


@given(st.lists(st.tuples(arrays(np.float32, (4, 2), elements=CORNERS), st.floats(0, 1, width=32)), max_size=3))
@example([(SLIVER, 0.5)])
def test_whatever_is_detected_is_accepted(found: list[tuple[NDArray[np.float32], float]]) -> None:
    boxes = tuple(TextBox(quad, score) for quad, score in found)
    pixels = np.zeros((1, 1, 3), np.uint8)
    lines = Detections(boxes, 1280, 720, "openvino", Precision.FP32, Timings(), pixels).to_icdar(scores=True)
    detected = parse_detected(lines.encode(), "res_img_1.txt", confidences=True)
    submission = io.BytesIO()
    write_submission(submission, {"1": detected})
    with zipfile.ZipFile(submission) as archive:
        written = archive.read("res_img_1.txt")
    again = parse_detected(written, "res_img_1.txt", confidences=False)
    assert again.quads.tolist() == detected.quads.tolist()
