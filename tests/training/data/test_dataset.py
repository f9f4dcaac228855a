from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.training.data.dataset import clockwise, convex, read_folder, read_ground_truth, write_ground_truth
from east.training.data.packing import Bank, bank_of_examples, pack_pixels, scaled_to_fit
from east.training.data.spelling import spell

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
    with pytest.raises(ValueError, match=r"gt_img_1.txt, line 2: expected eight coordinates"):
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


def test_ground_truth_survives_writing(tmp_path: Path) -> None:
    write_ground_truth(tmp_path / "gt.txt", SQUARE, ["a,b"])
    quads, texts = read_ground_truth(tmp_path / "gt.txt")
    np.testing.assert_array_equal(quads, SQUARE)
    assert texts == ("a,b",)


def test_clockwise_and_convex() -> None:
    np.testing.assert_array_equal(clockwise(SQUARE[:, ::-1])[0, 0], SQUARE[0, 3])
    assert convex(SQUARE).all()


def test_packing_keeps_every_colour() -> None:
    image = np.random.default_rng(0).integers(256, size=(4, 6, 3), dtype=np.uint8)
    packed = pack_pixels(image, (5, 8)).reshape(5, 8)[:4, :6]
    np.testing.assert_array_equal(np.stack([packed & 255, packed >> 8 & 255, packed >> 16 & 255], -1), image)


def test_a_picture_larger_than_the_canvas_is_scaled_with_its_words() -> None:
    image, quads = scaled_to_fit(np.zeros((60, 80, 3), np.uint8), SQUARE, (30, 80))
    assert image.shape == (30, 40, 3)
    np.testing.assert_allclose(quads, SQUARE / 2)


def test_a_bank_keeps_the_largest_words_when_there_are_too_many() -> None:
    bank = Bank(1, (40, 40), words=1)
    quads, legible = np.concatenate([SQUARE / 2, SQUARE]), np.asarray([True, False])
    bank.put(0, np.zeros((40, 40, 3), np.uint8), quads, legible, ["small", "large"])
    np.testing.assert_array_equal(bank.quads[0, 0], SQUARE[0])
    np.testing.assert_array_equal(bank.spelled[0], spell(["large"]))
    assert bank.kinds.tolist() == [[2]]


def test_a_bank_forgets_the_words_it_held_before() -> None:
    bank = Bank(1, (40, 40), words=2)
    bank.put_words(0, np.concatenate([SQUARE, SQUARE]), np.asarray([True, True]), ["first", "second"])
    bank.put_words(0, SQUARE, np.asarray([True]), ["third"])
    np.testing.assert_array_equal(bank.spelled[0], spell(["third", ""]))
    assert bank.kinds.tolist() == [[1, 0]]


def test_a_bank_holds_pictures_of_any_size(tmp_path: Path) -> None:
    folder_of(tmp_path, "10,10,30,10,30,20,10,20,word\n")
    bank = bank_of_examples(read_folder(tmp_path), (64, 64), words=4)
    assert bank.sizes.tolist() == [[30, 40]]
    assert bank.pixels[0, 0] == 200 + 100 * 256 + 50 * 65536
    assert bank.kinds.tolist() == [[1, 0, 0, 0]]
    np.testing.assert_array_equal(bank.spelled[0], spell(["word", "", "", ""]))
