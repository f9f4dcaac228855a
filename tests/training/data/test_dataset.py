from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.errors import FormatError
from east.training.data.dataset import read_folder

SQUARE = np.asarray([[[10, 10], [30, 10], [30, 20], [10, 20]]], np.float32)


def folder_of(path: Path, lines: str) -> Path:
    Image.new("RGB", (40, 30), (200, 100, 50)).save(path / "img_1.png")
    (path / "gt_img_1.txt").write_text(lines, encoding="utf-8-sig")
    return path


def test_reads_quads_and_what_is_not_to_be_counted(tmp_path: Path) -> None:
    folder_of(tmp_path, "10,10,30,10,30,20,10,20,Hello, world\r\n1,1,5,1,5,4,1,4,###\r\n\r\n")
    (example,) = read_folder(tmp_path)
    assert example.texts == ("Hello, world", "###")
    assert example.legible.tolist() == [True, False]
    np.testing.assert_array_equal(example.quads[:1], SQUARE)


def test_counter_clockwise_quads_are_turned(tmp_path: Path) -> None:
    folder_of(tmp_path, "10,10,10,20,30,20,30,10,word\n")
    (example,) = read_folder(tmp_path)
    np.testing.assert_array_equal(example.quads, SQUARE)


def test_a_self_crossing_quad_is_ignored(tmp_path: Path) -> None:
    folder_of(tmp_path, "10,10,30,20,30,10,10,20,word\n")
    (example,) = read_folder(tmp_path)
    assert not example.legible.any()


@pytest.mark.parametrize("line", ["1,2,3,4,5,6,7,8", "1,2,3,4,5,6,x,8,word", "word"])
def test_a_malformed_line_is_named(tmp_path: Path, line: str) -> None:
    folder_of(tmp_path, "10,10,30,10,30,20,10,20,fine\n" + line)
    with pytest.raises(FormatError, match=r"gt_img_1.txt, line 2: expected eight coordinates"):
        read_folder(tmp_path)


def test_a_picture_without_ground_truth_is_named(tmp_path: Path) -> None:
    folder_of(tmp_path, "")
    (tmp_path / "gt_img_1.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"img_1\.png has no ground truth"):
        read_folder(tmp_path)


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no training images"):
        read_folder(tmp_path)


def test_a_part_of_a_numbered_set_is_read(icdar_folder: Path) -> None:
    examples = read_folder(icdar_folder, numbers=range(3, 6))
    assert [example.image.stem for example in examples] == ["img_3", "img_4", "img_5"]
