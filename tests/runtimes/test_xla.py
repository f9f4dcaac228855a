from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import RuntimeUnavailableError
from east.model.source import ModelSource
from east.options import DetectorOptions
from east.postprocess import select_candidates
from east.runtimes import load_runtime, xla
from east.runtimes.gpu.requirements import missing_for_tensorflow
from east.types import Candidates, Precision, Size

SIZE = Size(64, 96)


@pytest.fixture(scope="module")
def runtime(source: ModelSource) -> Iterator[xla.XlaRuntime]:
    """FP16 on whatever TensorFlow has, compiled for one size and two images; `availability` would refuse a CPU."""
    loaded = xla.load(source, DetectorOptions(precision=Precision.FP16, input_size=SIZE))
    loaded.warm_up(SIZE, 2)
    yield loaded
    loaded.close()


@pytest.fixture
def images(photographs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(photographs[:2, 64:128, 64:160])


def test_candidates_are_those_of_the_maps(runtime: xla.XlaRuntime, images: NDArray[np.uint8]) -> None:
    maps = runtime.infer(images)
    threshold = float(np.quantile(maps.score, 0.95))
    for found, score, geometry in zip(runtime.candidates(images, threshold), *maps, strict=True):
        assert_same(found, select_candidates(score, geometry, threshold))


def test_candidates_beyond_the_slots_are_not_lost(runtime: xla.XlaRuntime, images: NDArray[np.uint8]) -> None:
    maps = runtime.infer(images)
    for found, score, geometry in zip(runtime.candidates(images, 0.0), *maps, strict=True):
        assert len(found.pixels) == score.size
        assert_same(found, select_candidates(score, geometry, 0.0))


def test_other_sizes_share_a_bucket_compiled_once(
    runtime: xla.XlaRuntime, photographs: NDArray[np.uint8], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for height, width in ((96, 96), (128, 64)):
            maps = runtime.infer(np.ascontiguousarray(photographs[:1, :height, :width]))
            assert maps.score.shape == (1, height // 4, width // 4)
            assert maps.geometry.shape == (1, height // 4, width // 4, 5)
            found = runtime.candidates(np.ascontiguousarray(photographs[:1, :height, :width]), 0.0)[0]
            assert found.score_map.shape == (height // 4, width // 4)
            assert (found.pixels < (height // 4, width // 4)).all()
    assert [record.getMessage()[: len("compiled xla for 1x128x128")] for record in caplog.records] == [
        "compiled xla for 1x128x128"
    ]


def test_what_it_says_of_itself(runtime: xla.XlaRuntime) -> None:
    assert (runtime.name, runtime.arithmetic, runtime.batch) == ("xla", "f16", 8)
    assert 40e6 < runtime.model_bytes < 60e6


def test_without_a_gpu_it_is_not_offered(source: ModelSource) -> None:
    if missing_for_tensorflow() is None:
        pytest.skip("there is a GPU here")
    with pytest.raises(RuntimeUnavailableError, match="runtime 'xla' cannot run here: "):
        load_runtime(source, DetectorOptions(runtime="xla"))


def assert_same(found: Candidates, wanted: Candidates) -> None:
    np.testing.assert_array_equal(found.pixels, wanted.pixels)
    np.testing.assert_array_equal(found.geometry, wanted.geometry)
    np.testing.assert_array_equal(found.score_map, wanted.score_map)
