from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from east import DetectorOptions, RuntimeUnavailableError, TextDetector, UnsupportedPrecisionError
from east.frameworks import onnxruntime
from east.model.frozen import FrozenModel
from east.model.source import ModelSource
from east.runtimes import choice
from east.runtimes import onnx as runtime
from east.runtimes.base import Availability, Runtime
from east.runtimes.conversion.artifacts import ConversionReport
from east.runtimes.conversion.ort_session import BoundSession, Device, Names
from east.runtimes.gpu import tensorrt_provider
from east.runtimes.gpu.nvidia import Gpu
from east.types import Maps, Precision, Size
from tests.support.maps import differences

INT8 = DetectorOptions(precision=Precision.INT8, device="cpu")


@pytest.fixture(scope="module")
def fp32(source: ModelSource) -> Iterator[Runtime]:
    loaded = runtime.load(source, DetectorOptions(device="cpu", threads=2, precision="FP32"))
    yield loaded
    loaded.close()


def test_fp32_is_tensorflow_s_fp32(fp32: Runtime, photographs: NDArray[np.uint8], wanted: Maps) -> None:
    assert (fp32.name, fp32.precision, fp32.arithmetic) == ("onnx", "FP32", "f32")
    assert fp32.device
    assert fp32.size is None
    score, distances, angle = differences(fp32.infer(photographs), wanted)
    assert score < 1e-3
    assert distances < 0.1
    assert angle < 1e-3


def test_calls_may_come_together_and_in_any_size(fp32: Runtime, photographs: NDArray[np.uint8]) -> None:
    sizes = [Size(32, 32), Size(64, 160), Size(192, 256)] * 2
    parts = [np.ascontiguousarray(photographs[:1, : size.height, : size.width]) for size in sizes]
    alone = [fp32.infer(part) for part in parts]
    with ThreadPoolExecutor(3) as pool:
        for size, one, other in zip(sizes, alone, pool.map(fp32.infer, parts), strict=True):
            assert one.score.shape == (1, size.height // 4, size.width // 4)
            np.testing.assert_array_equal(one.geometry, other.geometry)


def test_int8_finds_the_same_text(source: ModelSource, photographs: NDArray[np.uint8], wanted: Maps) -> None:
    loaded = runtime.load(source, INT8)
    assert loaded.arithmetic == "i8"
    found = loaded.infer(photographs)
    text = wanted.score > 0.8
    assert np.mean((found.score > 0.5)[text]) > 0.97
    assert np.median(np.abs(found.geometry - wanted.geometry)[text][:, :4]) < 1
    artifact = runtime.convert(source, INT8)
    assert artifact.bytes < 0.3 * runtime.convert(source, DetectorOptions(precision="FP32")).bytes
    assert ConversionReport.load(artifact.folder).after["QLinearConv"] == 62


def test_the_threads_that_are_asked_for(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    session = onnxruntime().InferenceSession

    def record(path: str, options: object, **rest: object) -> object:
        asked.append(options.intra_op_num_threads)  # type: ignore[attr-defined]
        return session(path, options, **rest)

    monkeypatch.setattr(onnxruntime(), "InferenceSession", record)
    runtime.load(source, DetectorOptions(device="cpu", threads=1, precision="FP32")).close()
    assert asked == [1]


def test_the_same_words_as_by_the_fastest(detector: TextDetector, demo_images: list[Path]) -> None:
    with TextDetector(runtime="onnx", precision="FP32", device="cpu") as other:
        found, expected = (one.detect(demo_images[0], max_side=640) for one in (other, detector))
    assert (found.runtime, found.precision) == ("onnx", "FP32")
    assert len(found) == len(expected) > 5
    for one, same in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.quad, same.quad, atol=0.5)
        assert one.score == pytest.approx(same.score, abs=1e-3)


def test_half_precision_needs_a_gpu() -> None:
    assert runtime.availability("cpu").precisions == (Precision.FP32, Precision.INT8)
    with pytest.raises(UnsupportedPrecisionError, match=r"'onnx' cannot do FP16 here; it can do FP32, INT8"):
        choice.resolve(DetectorOptions(runtime="onnx", precision=Precision.FP16, device="cpu"))


def test_what_is_not_installed_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "is_installed", lambda name: False)
    assert runtime.availability().precisions == ()
    with pytest.raises(RuntimeUnavailableError, match=r"not installed: pip install 'east-text-detector\[onnx\]'"):
        choice.resolve(DetectorOptions(runtime="onnx", precision="FP32"))


@pytest.mark.parametrize(("missing", "called"), [("onnx", "the package onnx"), ("onnxruntime", "ONNX Runtime")])
def test_the_package_that_is_missing_is_named(missing: str, called: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "is_installed", lambda name: name != missing)
    told = f"{called} is not installed: pip install 'east-text-detector[onnx]'"
    assert runtime.availability() == runtime.availability("gpu") == Availability((), told)
    monkeypatch.setattr(tensorrt_provider, "find_spec", lambda name: None if name == missing else find_spec(name))
    assert (tensorrt_provider.missing_provider() or "").startswith(f"{called} is not installed: pip install ")


@pytest.mark.skipif("CUDAExecutionProvider" in onnxruntime().get_available_providers(), reason="this build has CUDA")
def test_a_gpu_that_onnx_runtime_cannot_use_is_no_silent_fallback(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RuntimeUnavailableError, match=r"'onnx' cannot run here: .*GPU"):
        choice.load_runtime(source, DetectorOptions(runtime="onnx", device="gpu", precision="FP32"))
    monkeypatch.setattr(runtime, "find_gpu", lambda _: Gpu(0, "some GPU", (9, 0), ""))
    for load in (runtime.load, choice.load_runtime):
        with pytest.raises(RuntimeUnavailableError, match=r"has no CUDA in it: pip install 'onnxruntime-gpu") as raised:
            load(source, DetectorOptions(runtime="onnx", device="gpu", precision="FP32"))
        assert "\n" not in str(raised.value)
    loaded = runtime.load(source, DetectorOptions(precision="FP32"))  # auto may well take the processor
    assert loaded.device != "some GPU"


def test_images_share_shapes_on_a_device(source: ModelSource, fp32: Runtime, photographs: NDArray[np.uint8]) -> None:
    """With a session on the processor in the place of the GPU's: what is around it is the same."""
    options = DetectorOptions(device="cpu", precision="FP32")
    artifact = runtime.convert(source, options)
    session = onnxruntime().InferenceSession(str(artifact.folder / runtime.MODEL), providers=["CPUExecutionProvider"])
    shapes: list[tuple[int, ...]] = []

    class Recorded(BoundSession):
        def run(self, images: NDArray[np.uint8]) -> Maps:
            shapes.append(images.shape)
            return super().run(images)

    loaded = runtime.OnnxCudaRuntime(artifact, options, session, Device(), "some GPU")
    loaded._session = Recorded(
        session, Names("input_images", FrozenModel.score_name, FrozenModel.geometry_name), Device()
    )
    small = np.ascontiguousarray(photographs[:, :96, :160])
    near, wanted = loaded.infer(small), fp32.infer(small)
    assert near.score.shape == wanted.score.shape
    assert np.abs(near.score - wanted.score).mean() < 0.02  # not the same: an image in a larger one has no zeros around
    loaded.warm_up(Size(96, 160))
    assert shapes == [(4, 128, 256, 3), *[(1, 96, 160, 3)] * 3]
    exact = loaded.infer(small)
    assert shapes[-1] == (4, 96, 160, 3)
    np.testing.assert_allclose(exact.score, wanted.score, atol=1e-5)
    np.testing.assert_allclose(exact.geometry, wanted.geometry, atol=1e-3)
    loaded.close()


def test_a_session_without_cuda_is_refused(
    source: ModelSource, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where CUDA's libraries are missing, ONNX Runtime warns and takes the processor: here that is an error."""
    session, ort = onnxruntime().InferenceSession, onnxruntime()
    model = runtime.convert(source, DetectorOptions(precision="FP32")).folder / runtime.MODEL

    def fall_back(path: str, options: object, providers: object) -> object:
        return session(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(ort, "InferenceSession", fall_back)
    with pytest.raises(RuntimeUnavailableError, match="does not find the libraries of CUDA and cuDNN"):
        runtime._cuda_session(model, DetectorOptions(precision="FP32"), Gpu(0, "some GPU", (9, 0), ""))
