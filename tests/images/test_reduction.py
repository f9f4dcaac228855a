from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from east.images.reduction import LEAST_SIDE, from_reduced, reduce, reduced_size
from east.options import DetectorOptions
from east.types import Size
from tests.support.words import SQUARE


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_the_copy_costs_little(rows: int, columns: int) -> None:
    size = Size(32 * rows, 32 * columns)
    reduced = reduced_size(size, DetectorOptions())
    assert (reduced is None) == (min(size) < LEAST_SIDE)
    if reduced is not None:
        assert reduced == Size.of_network(reduced)
        assert reduced.height * reduced.width <= 0.04 * size.height * size.width


@pytest.mark.parametrize("options", [DetectorOptions(tiling="off"), DetectorOptions(input_size=(672, 1280))])
def test_there_may_be_none(options: DetectorOptions) -> None:
    assert reduced_size(Size(672, 1280), options) is None


def test_what_is_in_the_image_is_in_the_copy_and_back() -> None:
    size = Size(512, 736)
    image = np.full((*size, 3), 200, np.uint8)
    image[110:330, 220:660] = 0
    reduced = reduced_size(size, DetectorOptions())
    assert reduced is not None
    copy = reduce(image, reduced)
    assert copy.shape == (*reduced, 3)
    rows, columns = (np.flatnonzero((copy[..., 0] == 0).any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    seen = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float32)
    assert_allclose(from_reduced(seen, reduced, size), [[[220, 110], [660, 110], [660, 330], [220, 330]]])
    assert len(from_reduced(SQUARE[:0].reshape(0, 4, 2), reduced, size)) == 0


def test_the_border_is_drawn_out() -> None:
    image = np.zeros((320, 320, 3), np.uint8)
    image[:, 160:] = 90
    copy = reduce(image, Size(64, 64))
    assert_array_equal(copy[:, 0], copy[:, 20])
    assert_array_equal(copy[0], copy[-1])
    assert copy[0, -1, 0] == 90
