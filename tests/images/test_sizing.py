"""The way into the network and back: sizes, resizing, coordinates."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from east import Size
from east.images import load_image, network_size, resize, to_image_frame
from east.images.mixing import mix_rows
from tests.support.photographs import photograph

sides = st.integers(1, 20_000)


@pytest.mark.parametrize(
    ("image", "max_side", "expected"),
    [
        (Size(720, 1280), 2400, Size(704, 1280)),
        (Size(672, 1280), 2400, Size(672, 1280)),
        (Size(1, 1), 2400, Size(32, 32)),
        (Size(10, 5000), 2400, Size(32, 2400)),
        (Size(4000, 3000), 2400, Size(2400, 1792)),
        (Size(4000, 3000), 1000, Size(992, 736)),
        (Size(3000, 3000), 32, Size(32, 32)),
    ],
)
def test_network_size_caps_the_long_side_and_rounds_down(image: Size, max_side: int, expected: Size) -> None:
    assert network_size(image, max_side) == expected


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Size(720, 1280), Size(672, 1280)),
        (Size(64, 100), Size(64, 64)),
        (Size(63, 33), Size(32, 32)),
        (Size(20, 31), Size(32, 32)),
    ],
)
def test_network_size_by_the_original_rule(image: Size, expected: Size) -> None:
    assert network_size(image, rounding="original") == expected


@given(sides, sides, st.integers(32, 4096))
def test_network_size_is_multiples_of_32_within_the_cap_and_keeps_the_aspect(
    height: int, width: int, max_side: int
) -> None:
    size = network_size(Size(height, width), max_side)
    assert all(side % 32 == 0 and 32 <= side <= max_side for side in size)
    scale = min(Fraction(1), Fraction(max_side, max(height, width)))
    for side, original in zip(size, (height, width), strict=True):
        assert side == 32 or -33 < side - original * scale <= 0


def test_network_size_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="max_side must be at least 32, got 31"):
        network_size(Size(100, 100), 31)
    with pytest.raises(ValueError, match="rounding must be one of down, original, got 'up'"):
        network_size(Size(100, 100), rounding="up")  # type: ignore[arg-type]


def test_resize_to_its_own_size_is_the_same_array() -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    assert resize(image, Size(64, 96)) is image
    assert resize(image, Size(32, 64)).shape == (32, 64, 3)


@pytest.mark.usefixtures("compiled")
@settings(max_examples=80, deadline=None)
@given(st.tuples(sides, sides), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_resizing_is_opencvs_wherever_it_is_put(
    image: tuple[int, int], rows: int, columns: int, same_width: bool
) -> None:
    size = Size(32 * rows, 32 * columns)
    height, width = min(image[0] % 500 + 1, 2 * size.height), min(image[1] % 500 + 1, 2 * size.width)
    width = size.width if same_width else width
    pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    expected = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(resize(pixels, size), expected)
    mixed = np.empty((size.height, width, 3), np.uint8)
    mix_rows(pixels.reshape(height, -1), mixed.reshape(size.height, -1))
    np.testing.assert_array_equal(mixed, cv2.resize(pixels, (width, size.height), interpolation=cv2.INTER_LINEAR))
    memory = np.zeros((size.height + 2, size.width, 3), np.uint8)
    placed = resize(pixels, size, lambda asked: memory[1 : 1 + asked.height])
    np.testing.assert_array_equal(memory[1:-1], expected)
    np.testing.assert_array_equal(placed, expected)
    assert not memory[[0, -1]].any()


@pytest.mark.parametrize("other_side", [20, 31, 32, 33, 320])
@pytest.mark.parametrize("offset", range(10))
def test_resize_far_down_keeps_thin_strokes(offset: int, other_side: int) -> None:
    image = np.zeros((other_side, 320, 3), np.uint8)
    image[:, offset::10] = 255  # a tenth of the pixels are white
    for turned in (image, image.transpose(1, 0, 2)):
        shrunk = resize(np.ascontiguousarray(turned), Size(32, 32))
        assert np.abs(shrunk.astype(int) - 25).max() <= 2


@given(st.tuples(sides, sides), st.tuples(sides, sides))
def test_the_corners_of_the_networks_image_are_the_corners_of_the_image(
    image: tuple[int, int], network: tuple[int, int]
) -> None:
    (height, width), (rows, columns) = image, network
    corners = np.array([[(0, 0), (columns, 0), (columns, rows), (0, rows)]], np.float32)
    mapped = to_image_frame(corners, Size(rows, columns), Size(height, width))
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(mapped, [[(0, 0), (width, 0), (width, height), (0, height)]], rtol=1e-6)


def test_no_boxes_map_to_no_boxes() -> None:
    assert to_image_frame(np.empty((0, 4, 2), np.float32), Size(32, 32), Size(5, 9)).shape == (0, 4, 2)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_boxes_map_back_to_the_upright_image_for_any_size_and_orientation(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(40, 400), "height"), data.draw(st.integers(40, 400), "width")
    top, left = data.draw(st.integers(0, height - 16), "top"), data.draw(st.integers(0, width - 16), "left")
    bottom = data.draw(st.integers(top + 16, height), "bottom")
    right = data.draw(st.integers(left + 16, width), "right")
    upright = np.zeros((height, width, 3), np.uint8)
    upright[top:bottom, left:right] = 255

    image = load_image(photograph(upright, data.draw(st.integers(1, 8), "orientation"), "PNG"))
    size = network_size(Size(*image.shape[:2]), data.draw(st.integers(64, 512), "max_side"))
    seen = resize(image, size)[..., 0] > 127
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    x0, x1, y0, y1 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    quad = np.array([[(x0, y0), (x1, y0), (x1, y1), (x0, y1)]], np.float32)

    mapped = to_image_frame(quad, size, Size(height, width))[0]
    pixel = np.array([width / size.width, height / size.height])  # one pixel of the network, in the image
    expected = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    assert (np.abs(mapped - expected) <= np.maximum(pixel, 1)).all()
