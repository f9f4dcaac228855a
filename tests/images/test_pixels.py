"""Arrays and images of every layout become uint8 RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from east import ImageDecodeError, ImageError, ImageTooLargeError
from east.images.decoding import load_image

COLOURS = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(10, 20, 30), (0, 0, 0), (255, 255, 255)]], np.uint8)
GREYS = np.array([[0, 1, 127], [128, 254, 255]], np.uint8)
GREYS_RGB = np.repeat(GREYS[..., None], 3, axis=2)


def test_an_rgb_array_is_itself() -> None:
    assert load_image(COLOURS) is COLOURS


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1)])
def test_grey_arrays(shape: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(load_image(GREYS.reshape(shape)), GREYS_RGB)


def test_bgr_arrays_change_their_order_and_others_do_not() -> None:
    np.testing.assert_array_equal(load_image(COLOURS[..., ::-1], bgr=True), COLOURS)
    np.testing.assert_array_equal(load_image(GREYS, bgr=True), GREYS_RGB)


@pytest.mark.parametrize("bgr", [False, True])
def test_alpha_lies_over_white(bgr: bool) -> None:
    alpha = np.array([[255, 0, 51], [255, 128, 0]], np.uint8)
    expected = np.rint(COLOURS * (alpha[..., None] / 255) + 255 * (1 - alpha[..., None] / 255))
    array = np.dstack([COLOURS[..., ::-1] if bgr else COLOURS, alpha])
    assert np.abs(load_image(array, bgr=bgr) - expected).max() <= 1


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_arrays_keep_their_high_byte(order: str) -> None:
    array = (GREYS.astype(order) << 8) + 0x7F
    np.testing.assert_array_equal(load_image(array), GREYS_RGB)
    np.testing.assert_array_equal(load_image(np.dstack([array] * 3)), GREYS_RGB)


def test_bool_arrays_are_black_and_white() -> None:
    np.testing.assert_array_equal(load_image(GREYS > 127)[..., 0], [[0, 0, 0], [255, 255, 255]])


@given(
    hnp.arrays(
        st.sampled_from([np.bool_, np.uint8, np.uint16]),
        st.tuples(st.integers(1, 9), st.integers(1, 9))
        | st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4])),
    ),
    st.booleans(),
)
def test_any_image_array_becomes_contiguous_uint8_rgb(array: NDArray[Any], bgr: bool) -> None:
    for view in (array, array[::-1, ::-1], array.swapaxes(0, 1)):
        image = load_image(view, bgr=bgr)
        assert image.dtype == np.uint8
        assert image.shape == (*view.shape[:2], 3)
        assert image.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint32, np.int8, np.complex64, object])
def test_other_dtypes_are_refused_by_name(dtype: type) -> None:
    with pytest.raises(ImageError, match=r"must be uint8 \(0..255\), uint16 .* or bool, got .*: scale and convert it"):
        load_image(np.zeros((4, 4, 3), dtype))


@pytest.mark.parametrize("shape", [(), (5,), (4, 4, 2), (3, 40, 60), (1, 4, 4, 3), (4, 4, 0)])
def test_other_shapes_are_refused_by_name(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=r"must be \(H, W\), .*, got shape \("):
        load_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0), (0, 0, 4)])
def test_arrays_without_pixels_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageDecodeError, match=f"has no pixels: its size is {shape[0]}x{shape[1]}"):
        load_image(np.zeros(shape, np.uint8))


def test_absurdly_large_arrays_are_refused_before_they_are_touched() -> None:
    array = np.broadcast_to(np.uint8(0), (1_000_000, 1_000_000, 3))
    with pytest.raises(ImageTooLargeError, match=r"1000000x1000000 is 1,000,000,000,000 pixels, the limit is 64,000,0"):
        load_image(array)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB"]
)
def test_pillow_images_of_every_8_bit_mode(mode: str) -> None:
    image = Image.fromarray(np.repeat(COLOURS[1:, 1:], 8, axis=0)).convert(mode)
    loaded = load_image(image)
    assert loaded.flags.c_contiguous
    assert loaded.flags.writeable
    assert np.abs(loaded.astype(int) - [(0, 0, 0), (255, 255, 255)]).max() <= 2


def test_palette_images_show_white_where_they_are_transparent() -> None:
    image = Image.fromarray(COLOURS).convert("P", palette=Image.Palette.ADAPTIVE)
    red = image.getpixel((0, 0))
    image.info["transparency"] = red
    expected = COLOURS.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(load_image(image), expected)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_16_bit_pillow_images(mode: str) -> None:
    np.testing.assert_array_equal(load_image(Image.new(mode, (3, 2), 0x1234)), np.full((2, 3, 3), 0x12))


@pytest.mark.parametrize(("mode", "word"), [("I", "integer"), ("F", "floating-point")])
def test_32_bit_pillow_images_are_refused(mode: str, word: str) -> None:
    with pytest.raises(ImageError, match=f"a 32-bit {word} image has no agreed white: convert it to 8 or 16 bits"):
        load_image(Image.new(mode, (3, 2)))


def test_pillow_images_are_measured_before_they_are_decoded() -> None:
    with pytest.raises(ImageTooLargeError, match="2x3 is 6 pixels, the limit is 5"):
        load_image(Image.new("RGB", (3, 2)), max_pixels=5)
    with pytest.raises(ImageDecodeError, match="its size is 0x3"):
        load_image(Image.new("RGB", (3, 0)))
