from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from east.runtimes.buckets import BATCHES, FILL, batch_bucket, bucket, padded
from east.types import Size

sides = st.integers(1, 75).map(lambda n: 32 * n)


@given(sides, sides)
def test_buckets_hold_the_image_and_little_more(height: int, width: int) -> None:
    size = bucket(Size(height, width), set())
    assert 0 <= size.height - height < 128
    assert 0 <= size.width - width < 128
    assert size.height % 128 == size.width % 128 == 0


def test_a_compiled_size_is_its_own_bucket() -> None:
    assert bucket(Size(672, 1280), {Size(672, 1280)}) == Size(672, 1280)
    assert bucket(Size(672, 1280), {Size(704, 1280)}) == Size(768, 1280)


@given(st.integers(1, BATCHES[-1]))
def test_batches_hold_the_images(count: int) -> None:
    batch = batch_bucket(count)
    assert count <= batch <= 2 * count
    assert batch in BATCHES


def test_padding_keeps_the_images_in_the_corner() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8)
    larger = padded(images, 4, Size(64, 96))
    assert larger.shape == (4, 64, 96, 3)
    np.testing.assert_array_equal(larger[:2, :32, :64], images)
    assert (larger[2:] == FILL).all()
    assert (larger[:, 32:] == FILL).all()


def test_what_fits_is_not_copied() -> None:
    images = np.zeros((1, 32, 64, 3), np.uint8)
    assert padded(images, 1, Size(32, 64)) is images
