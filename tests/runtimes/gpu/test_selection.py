from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from east.frameworks import tensorflow
from east.postprocess import select_candidates
from east.runtimes.gpu.selection import capacity, pack, unpack

HEIGHT, WIDTH, BATCH = 8, 12, 3


def packed(score: NDArray[np.float32], geometry: NDArray[np.float32], threshold: float) -> NDArray[np.float32]:
    tf = tensorflow()
    signature = [
        tf.TensorSpec([BATCH, HEIGHT, WIDTH, 1], tf.float32),
        tf.TensorSpec([BATCH, HEIGHT, WIDTH, 5], tf.float32),
        tf.TensorSpec([], tf.float32),
    ]
    if not hasattr(packed, "function"):
        packed.function = tf.function(pack, input_signature=signature, jit_compile=True)  # type: ignore[attr-defined]
    result: NDArray[np.float32] = packed.function(score[..., None], geometry, np.float32(threshold)).numpy()  # type: ignore[attr-defined]
    return result


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 0.3))
@settings(max_examples=40, deadline=None)
def test_unpacks_to_what_the_host_would_have_selected(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    score = rng.random((BATCH, HEIGHT, WIDTH), np.float32)
    geometry = rng.normal(0, 100, (BATCH, HEIGHT, WIDTH, 5)).astype(np.float32)
    threshold = float(np.float32(1 - share))
    vectors = packed(score, geometry, threshold)
    for index in range(BATCH):
        wanted = select_candidates(score[index], geometry[index], threshold)
        found = unpack(vectors[index], HEIGHT, WIDTH)
        if len(wanted.pixels) > capacity(HEIGHT * WIDTH):
            assert found is None
            continue
        assert found is not None
        np.testing.assert_array_equal(found.pixels, wanted.pixels)
        assert found.pixels.dtype == wanted.pixels.dtype
        np.testing.assert_array_equal(found.geometry, wanted.geometry)
        np.testing.assert_array_equal(found.score_map, wanted.score_map)


@pytest.mark.parametrize("count", [0, 1, capacity(HEIGHT * WIDTH)])
def test_slots_suffice_up_to_the_last(count: int) -> None:
    score = np.zeros((BATCH, HEIGHT, WIDTH), np.float32)
    score[1].flat[-count or HEIGHT * WIDTH :] = 1
    vectors = packed(score, np.zeros((BATCH, HEIGHT, WIDTH, 5), np.float32), 0.5)
    found = [unpack(vector, HEIGHT, WIDTH) for vector in vectors]
    assert [None if one is None else len(one.pixels) for one in found] == [0, count, 0]


def test_slots_run_out_after_the_last() -> None:
    score = np.zeros((BATCH, HEIGHT, WIDTH), np.float32)
    score[0].flat[: capacity(HEIGHT * WIDTH) + 1] = 1
    vectors = packed(score, np.zeros((BATCH, HEIGHT, WIDTH, 5), np.float32), 0.5)
    assert unpack(vectors[0], HEIGHT, WIDTH) is None
    assert unpack(vectors[1], HEIGHT, WIDTH) is not None
