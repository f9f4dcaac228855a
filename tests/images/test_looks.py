from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from east.images.looks import looks_of, turn_back, turned
from east.images.reduction import reduced_size
from east.images.tiling import tiles_of
from east.options import DetectorOptions
from east.types import Size

ALL = DetectorOptions(orientations="all")
sides = st.integers(1, 300).map(lambda number: 32 * number)


@given(sides, sides, st.integers(0, 3))
def test_a_turned_image_is_seen_like_one_of_its_size(height: int, width: int, turn: int) -> None:
    look = looks_of(Size(height, width), ALL)[turn]
    size = Size(width, height) if turn % 2 else Size(height, width)
    assert (look.turn, look.tiles, look.reduced) == (turn, tiles_of(size, ALL), reduced_size(size, ALL))
    assert look.pixels == looks_of(Size(height, width), DetectorOptions())[0].pixels


def test_upright_is_one_look() -> None:
    [look] = looks_of(Size(672, 1280), DetectorOptions())
    assert (look.turn, look.runs, look.sizes) == (0, 2, [Size(672, 1280), Size(96, 160)])
    assert look.pixels == 672 * 1280 + 96 * 160
    [plain] = looks_of(Size(672, 1280), DetectorOptions(tiling="off"))
    assert (plain.runs, plain.pixels, plain.sizes) == (1, 672 * 1280, [Size(672, 1280)])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.data())
def test_what_is_in_a_turned_image_is_found_where_it_was(
    rows: int, columns: int, turn: int, data: st.DataObject
) -> None:
    size = Size(32 * rows, 32 * columns)
    top, left = (data.draw(st.integers(0, side - 9)) for side in size)
    image = np.zeros((*size, 3), np.uint8)
    image[top : top + 4, left : left + 8] = 255
    image[top, left] = 100
    shown = turned(image, turn)
    look = looks_of(size, ALL)[turn]
    assert shown.shape[:2] == look.tiles.image
    y, x = (places[[0, -1]] + [0, 1] for places in map(np.unique, np.nonzero(shown[..., 0])))
    quad = np.array([(x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1])], np.float32)
    first = [shown[(y[0], y[0], y[1] - 1, y[1] - 1)[k], (x[0], x[1] - 1, x[1] - 1, x[0])[k], 0] for k in range(4)]
    corner = first.index(100)  # where the image's top-left corner of the mark lies now
    back = np.roll(turn_back(quad[None], look)[0], -corner, axis=0)
    assert_array_equal(back, [(left, top), (left + 8, top), (left + 8, top + 4), (left, top + 4)])
    assert back.dtype == np.float32


def test_none_is_the_image_itself() -> None:
    image = np.zeros((32, 64, 3), np.uint8)
    assert turned(image, 0) is image
    assert turned(image, 1).flags.c_contiguous


@pytest.mark.parametrize("size", [(672, 1280), Size(64, 32)])
def test_one_size_for_all_images_takes_no_turned_ones(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="orientations must be upright where images have a size of"):
        DetectorOptions(input_size=size, orientations="all")
    assert len(looks_of(Size(64, 64), DetectorOptions(input_size=(64, 64), orientations="all"))) == 4
