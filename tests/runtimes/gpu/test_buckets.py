from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from east.runtimes.gpu.buckets import BATCHES, FILL, batch_bucket, bucket, fill
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


def test_images_lie_in_the_corner_of_what_is_filled() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 32, 64, 3), np.uint8)
    buffer = rng.integers(0, 256, (4, 64, 96, 3), np.uint8)
    fill(buffer, images)
    np.testing.assert_array_equal(buffer[:2, :32, :64], images)
    assert (buffer[:2, 32:] == FILL).all()
    assert (buffer[:2, :, 64:] == FILL).all()
