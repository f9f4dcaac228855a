from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.errors import FormatError
from east.training.data.dataset import Example
from east.training.data.letters import encode_texts
from east.training.data.packing import PackedImages, pack_examples, pack_pixels, scaled_to_fit

SQUARE = np.asarray([[[10, 10], [30, 10], [30, 20], [10, 20]]], np.float32)


def test_packing_keeps_every_colour() -> None:
    image = np.random.default_rng(0).integers(256, size=(4, 6, 3), dtype=np.uint8)
    packed = pack_pixels(image, (5, 8)).reshape(5, 8)[:4, :6]
    np.testing.assert_array_equal(np.stack([packed & 255, packed >> 8 & 255, packed >> 16 & 255], -1), image)


def test_a_picture_larger_than_the_canvas_is_scaled_with_its_words() -> None:
    image, quads = scaled_to_fit(np.zeros((60, 80, 3), np.uint8), SQUARE, (30, 80))
    assert image.shape == (30, 40, 3)
    np.testing.assert_allclose(quads, SQUARE / 2)


def test_a_set_keeps_the_largest_words_when_there_are_too_many() -> None:
    images = PackedImages(1, (40, 40), words=1)
    quads, legible = np.concatenate([SQUARE / 2, SQUARE]), np.asarray([True, False])
    images.put(0, np.zeros((40, 40, 3), np.uint8), quads, legible, ["small", "large"])
    np.testing.assert_array_equal(images.quads[0, 0], SQUARE[0])
    np.testing.assert_array_equal(images.codes[0], encode_texts(["large"]))
    assert images.kinds.tolist() == [[2]]


def test_a_slot_forgets_the_words_it_held_before() -> None:
    images = PackedImages(1, (40, 40), words=2)
    images.put_words(0, np.concatenate([SQUARE, SQUARE]), np.asarray([True, True]), ["first", "second"])
    images.put_words(0, SQUARE, np.asarray([True]), ["third"])
    np.testing.assert_array_equal(images.codes[0], encode_texts(["third", ""]))
    assert images.kinds.tolist() == [[1, 0]]


def test_a_set_holds_pictures_of_any_size(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 100, 50)).save(tmp_path / "img_1.png")
    example = Example(tmp_path / "img_1.png", SQUARE, np.asarray([True]), ("word",))
    images = pack_examples([example], (64, 64), words=4)
    assert images.sizes.tolist() == [[30, 40]]
    assert images.pixels[0, 0] == 200 + 100 * 256 + 50 * 65536
    assert images.kinds.tolist() == [[1, 0, 0, 0]]
    np.testing.assert_array_equal(images.codes[0], encode_texts(["word", "", "", ""]))


def test_a_word_outside_of_its_picture_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (64, 40)).save(tmp_path / "photo.png")
    for aside in ([0, -15], [-35, 0], [100, 0], [0, 40]):
        quads = np.concatenate([SQUARE, SQUARE + np.asarray(aside, np.float32)])
        example = Example(tmp_path / "photo.png", quads, np.asarray([True, True]), ("inside", "beside"))
        if aside == [0, -15]:
            assert len(pack_examples([example], (64, 64))) == 1  # partly inside
        else:
            with pytest.raises(FormatError, match=r"'beside' lies outside of .*photo\.png, which is 64x40 pixels"):
                pack_examples([example], (64, 64))
