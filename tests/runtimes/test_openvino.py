from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from east.errors import CalibrationError, UnsupportedPrecisionError
from east.frameworks import openvino
from east.model.ranges import Ranges
from east.model.source import ModelSource
from east.options import Calibration, DetectorOptions
from east.runtimes import choice
from east.runtimes import openvino as runtime
from east.runtimes.conversion.artifacts import Artifact, ConversionReport
from east.runtimes.conversion.calibration import SHIPPED
from east.runtimes.openvino import OpenVinoRuntime
from east.types import Maps, Precision, Size
from tests.support.maps import differences
from tests.support.small_network import write_small

Capture = pytest.CaptureFixture[str]
INT8 = DetectorOptions(precision=Precision.INT8, calibration=Calibration(SHIPPED, count=2, size=Size(192, 256)))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A network that is converted in no time, where it matters little which."""
    path = tmp_path_factory.mktemp("small") / "small.pb"
    write_small(path)
    return ModelSource.find(path)


@pytest.fixture(scope="module")
def int8(source: ModelSource) -> Artifact:
    return runtime.convert(source, INT8)


@pytest.fixture
def quantized(source: ModelSource, int8: Artifact) -> Iterator[OpenVinoRuntime]:
    loaded = runtime.load(source, INT8)
    yield loaded
    loaded.close()


def test_fp32_is_tensorflow_s_fp32(source: ModelSource, photographs: NDArray[np.uint8], wanted: Maps) -> None:
    loaded = runtime.load(source, DetectorOptions(precision="FP32"))
    assert loaded.arithmetic == "f32"
    score, distances, angle = differences(loaded.infer(photographs), wanted)
    assert score < 1e-3
    assert distances < 0.1
    assert angle < 1e-3


def test_fp16_names_what_it_computes_in(source: ModelSource, photographs: NDArray[np.uint8], wanted: Maps) -> None:
    if Precision.FP16 not in runtime.availability().precisions:
        pytest.skip("this processor has no 16-bit arithmetic")
    loaded = runtime.load(source, DetectorOptions(precision=Precision.FP16))
    able = openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert loaded.arithmetic == ("bf16" if "BF16" in able else "f16")
    found = loaded.infer(photographs)
    assert differences(found, wanted)[0] < 0.2
    assert np.abs(found.score - wanted.score).mean() < 1e-3


def test_fp16_is_refused_where_the_processor_has_none(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_half", lambda: None)
    with pytest.raises(UnsupportedPrecisionError, match=r"'openvino' cannot do FP16 here.*FP16: none"):
        choice.load_runtime(source, DetectorOptions(runtime="openvino", precision=Precision.FP16))
    assert "bf16 or f16" in runtime.availability().missing


def test_int8_finds_the_same_text(quantized: OpenVinoRuntime, photographs: NDArray[np.uint8], wanted: Maps) -> None:
    assert quantized.arithmetic == "i8"
    found = quantized.infer(photographs)
    text = wanted.score > 0.8
    assert np.mean((found.score > 0.5)[text]) > 0.9
    assert np.median(np.abs(found.geometry - wanted.geometry)[text][:, :4]) < 2


def test_int8_quantizes_all_convolutions_but_the_heads(int8: Artifact) -> None:
    graph = ElementTree.parse(int8.folder / "model.xml").getroot()  # noqa: S314  written a moment ago
    layers = {layer.get("id"): layer for layer in graph.iter("layer")}
    into = {(edge.get("to-layer"), edge.get("to-port")): edge.get("from-layer") for edge in graph.iter("edge")}
    convolutions = [layer.get("id") for layer in layers.values() if layer.get("type") == "Convolution"]
    weights = [layers[into[name, "1"]].get("type") for name in convolutions]
    assert weights.count("Multiply") == 63  # 8-bit weights times their scale
    assert weights.count("Const") == 3
    assert ConversionReport.load(int8.folder).after["FakeQuantize"] >= 60


def test_int8_is_a_quarter_of_fp32(source: ModelSource, int8: Artifact) -> None:
    assert int8.bytes < 0.3 * runtime.convert(source, DetectorOptions(precision="FP32")).bytes


def test_the_calibration_is_kept_and_can_be_repeated(source: ModelSource, int8: Artifact) -> None:
    record = Ranges.load(int8.folder / "ranges.npz")
    assert [name for name, _ in record.images] == ["01.jpg", "02.jpg"]
    repeated = Calibration(int8.folder / "ranges.npz")
    assert runtime.convert(source, DetectorOptions(precision=Precision.INT8, calibration=repeated)) == int8


def test_an_image_that_does_not_decode_ends_the_calibration(small: ModelSource, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"not an image")
    options = DetectorOptions(precision=Precision.INT8, calibration=Calibration(tmp_path))
    with pytest.raises(CalibrationError, match=r"cannot calibrate on .*2\.png"):
        runtime.convert(small, options)


def test_nothing_is_printed_among_the_results(
    small: ModelSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["east", "detect", "photo.jpg", "--verbose"])  # which OpenVINO reads
    runtime.convert(small, DetectorOptions(precision="FP32"))
    assert len(list(tmp_path.glob("*/model.xml"))) == 1
    assert capsys.readouterr().out == ""


def test_images_of_any_size_run_in_one_compiled_model(
    quantized: OpenVinoRuntime, photographs: NDArray[np.uint8]
) -> None:
    for size in ((32, 32), (64, 160), (192, 256)):
        maps = quantized.infer(np.ascontiguousarray(photographs[:1, : size[0], : size[1]]))
        assert maps.score.shape == (1, size[0] // 4, size[1] // 4)
        assert maps.geometry.shape == (1, size[0] // 4, size[1] // 4, 5)


def test_small_images_do_not_wait_for_a_large_one_where_callers_differ(source: ModelSource) -> None:
    loaded = runtime.load(source, DetectorOptions(precision="FP32"))
    loaded.shared = True
    small, large = np.zeros((1, 32, 64, 3), np.uint8), np.zeros((1, 1376, 1376, 3), np.uint8)
    assert small[..., 0].size < loaded.large < large[..., 0].size
    alone = loaded.infer(small)
    with ThreadPoolExecutor(1) as pool:
        under_way, meanwhile = pool.submit(loaded.infer, large), 0
        while not under_way.done():
            beside = loaded.infer(small)
            meanwhile += not under_way.done()
        np.testing.assert_array_equal(beside.score, alone.score)
        assert under_way.result().score.shape == (1, 344, 344)
    assert meanwhile >= 5
    loaded.close()


def test_nothing_is_reported_to_the_makers() -> None:
    """In a process of its own: in this one OpenVINO may be there already."""
    code = "from east.frameworks import openvino; import sys; openvino(); print(sys.modules['openvino_telemetry'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "None\n"
