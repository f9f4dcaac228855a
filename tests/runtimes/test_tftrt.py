"""TF-TRT as far as it goes without a GPU, and the whole way where TensorRT is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import ConversionError, RuntimeUnavailableError
from east.frameworks import tensorflow
from east.model.frozen import FrozenModel
from east.model.source import ModelSource
from east.options import Calibration, DetectorOptions, TfTrtOptions
from east.runtimes import load_runtime, tftrt
from east.runtimes.conversion.artifacts import Artifact, ConversionReport
from east.runtimes.conversion.calibration import SHIPPED, find_images
from east.runtimes.conversion.known_ranges import find_ranges
from east.runtimes.gpu.requirements import missing_for_tensorrt
from east.types import Precision, Size
from tests.support.maps import run_graph
from tests.support.small_network import write_small

SIZE = Size(64, 96)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    """A network that is saved and run in no time, where it matters little which."""
    path = tmp_path_factory.mktemp("small") / "small.pb"
    write_small(path)
    return ModelSource.find(path)


@pytest.fixture
def converter() -> Iterator[mock.MagicMock]:
    """TensorFlow's own converter class with its signatures, and nothing behind them."""
    from tensorflow.python.compiler.tensorrt import trt_convert

    with mock.patch.object(trt_convert, "TrtGraphConverterV2", autospec=True) as made:
        made.return_value.convert.return_value.graph.as_graph_def.return_value = converted()
        yield made


def converted(*left: str, engines: int = 1) -> Any:
    """A graph as TF-TRT gives it back: engines with 40 convolutions each, and operations left in TensorFlow."""
    graph_def = tensorflow().compat.v1.GraphDef()
    for op in ("Placeholder", "Cast", *left):
        graph_def.node.add(name=op, op=op)
    for number in range(engines):
        graph_def.node.add(name=f"TRTEngineOp_000_{number:03}", op="TRTEngineOp")
        segment = graph_def.library.function.add()
        segment.signature.name = f"TRTEngineOp_000_{number:03}_native_segment"
        for index in range(40):
            segment.node_def.add(name=f"weights{index}", op="Const")
            segment.node_def.add(name=f"conv{index}", op="Conv2D")
    return graph_def


def options(precision: Precision = Precision.FP16, **tftrt_options: Any) -> DetectorOptions:
    calibration = Calibration(SHIPPED, count=2, size=SIZE)
    return DetectorOptions(
        precision=precision, input_size=SIZE, calibration=calibration, tftrt=TfTrtOptions(**tftrt_options)
    )


def build(folder: Path, source: ModelSource, chosen: DetectorOptions) -> None:
    images = ranges = None
    if chosen.precision is Precision.INT8 and chosen.tftrt.use_calibration:
        images = find_images(chosen.calibration)
    elif chosen.precision is Precision.INT8:
        ranges = find_ranges(source, Calibration())
    tftrt.build(folder, source.freeze(), chosen, images, ranges)


def test_the_saved_model_has_the_signature_and_gives_the_same_maps(
    frozen: FrozenModel, photographs: NDArray[np.uint8], tmp_path: Path
) -> None:
    tf = tensorflow()
    tftrt.save_with_signature(frozen, tmp_path / "model")
    model = tf.saved_model.load(str(tmp_path / "model"))
    signature = model.signatures[tftrt.SIGNATURE]
    assert signature.structured_input_signature[1]["images"].dtype == tf.uint8
    maps = signature(images=tf.constant(photographs[:1, : SIZE.height, : SIZE.width]))
    wanted = run_graph(frozen, photographs[:1, : SIZE.height, : SIZE.width])
    np.testing.assert_allclose(maps["score"].numpy()[..., 0], wanted.score, atol=1e-6)
    np.testing.assert_allclose(maps["geometry"].numpy(), wanted.geometry, atol=1e-3)


def test_every_option_reaches_the_converter(converter: mock.MagicMock, small: ModelSource, tmp_path: Path) -> None:
    chosen = options(
        max_workspace_size_bytes=1 << 30,
        minimum_segment_size=5,
        maximum_cached_engines=3,
        use_dynamic_shape=True,
        dynamic_shape_profile_strategy="Optimal",
        allow_build_at_runtime=True,
    )
    build(tmp_path, small, chosen)
    converter.assert_called_once_with(
        input_saved_model_dir=str(tmp_path / "original"),
        input_saved_model_signature_key=tftrt.SIGNATURE,
        use_dynamic_shape=True,
        dynamic_shape_profile_strategy="Optimal",
        max_workspace_size_bytes=1 << 30,
        precision_mode="FP16",
        minimum_segment_size=5,
        maximum_cached_engines=3,
        use_calibration=True,
        allow_build_at_runtime=True,
    )


def test_engines_are_built_for_the_size_and_each_batch(
    converter: mock.MagicMock, small: ModelSource, tmp_path: Path
) -> None:
    build(tmp_path, small, options(batches=(1, 4)))
    made = converter.return_value
    made.convert.assert_called_once_with(calibration_input_fn=None)
    shapes = [tuple(batch.shape) for (batch,) in made.build.call_args.args[0]()]
    assert shapes == [(1, 64, 96, 3), (4, 64, 96, 3)]
    made.save.assert_called_once_with(str(tmp_path / "saved_model"), save_gpu_specific_engines=True)
    assert json.loads((tmp_path / "shapes.json").read_text()) == [[1, 64, 96, 3], [4, 64, 96, 3]]
    assert not (tmp_path / "original").exists()


def test_int8_is_calibrated_on_the_images(converter: mock.MagicMock, small: ModelSource, tmp_path: Path) -> None:
    build(tmp_path, small, options(Precision.INT8, use_calibration=True))
    made = converter.return_value
    batches = list(made.convert.call_args.kwargs["calibration_input_fn"]())
    assert [tuple(batch.shape) for (batch,) in batches] == [(1, 64, 96, 3)] * 2
    assert {batch.dtype.name for (batch,) in batches} == {"uint8"}
    record = json.loads((tmp_path / "calibration.json").read_text())
    assert [image["file"] for image in record["images"]] == ["01.jpg", "02.jpg"]


def test_int8_without_calibration_gets_explicit_ranges(
    converter: mock.MagicMock, source: ModelSource, tmp_path: Path
) -> None:
    tf = tensorflow()
    seen: list[int] = []

    def inspect(*_: Any, **arguments: Any) -> Any:
        model = tf.saved_model.load(arguments["input_saved_model_dir"])
        graph_def = model.signatures[tftrt.SIGNATURE].graph.as_graph_def()
        nodes = [*graph_def.node, *(node for function in graph_def.library.function for node in function.node_def)]
        seen.append(sum(node.op == "QuantizeAndDequantizeV2" for node in nodes))
        return mock.DEFAULT

    converter.side_effect = inspect
    build(tmp_path, source, options(Precision.INT8))
    assert seen[0] > 100
    assert converter.call_args.kwargs["use_calibration"] is False
    converter.return_value.convert.assert_called_once_with(calibration_input_fn=None)


def test_engines_may_be_left_to_first_use(converter: mock.MagicMock, small: ModelSource, tmp_path: Path) -> None:
    build(tmp_path, small, options(build_at_conversion=False))
    converter.return_value.build.assert_not_called()
    assert converter.call_args.kwargs["allow_build_at_runtime"] is True
    converter.return_value.save.assert_called_once_with(mock.ANY, save_gpu_specific_engines=False)


def test_a_report_counts_engines_and_what_they_took() -> None:
    report = tftrt.report({"Conv2D": 40}, converted("ResizeBilinear", engines=1))
    assert report == ConversionReport({"Conv2D": 40}, {"Cast": 1, "ResizeBilinear": 1, "TRTEngineOp": 1}, 1, 40 / 42)


@pytest.mark.parametrize(
    ("graph", "told"),
    [
        (lambda: converted("Conv2D", engines=0), "left 1 of 63 convolutions in TensorFlow (0 engines, 0% of"),
        (lambda: converted("Conv2D", "_FusedConv2D"), "left 2 of 63 convolutions in TensorFlow (1 engines, 93% of"),
        (lambda: converted(engines=0), "left 0 of 63 convolutions in TensorFlow (0 engines"),
    ],
)
def test_a_conversion_that_left_the_convolutions_is_refused(graph: Any, told: str) -> None:
    with pytest.raises(ConversionError) as error:
        tftrt.report({"Conv2D": 63}, graph())
    assert told in str(error.value)


def test_what_the_converter_raises_is_told_in_one_line(
    converter: mock.MagicMock, small: ModelSource, tmp_path: Path
) -> None:
    converter.return_value.build.side_effect = RuntimeError("engine failed\nwith details")
    with pytest.raises(ConversionError, match=r"TF-TRT failed to convert to FP16: engine failed$"):
        build(tmp_path, small, options())


@pytest.mark.parametrize(
    "wrong",
    [
        {"dynamic_shape_profile_strategy": "Fastest"},
        {"build_at_conversion": False, "allow_build_at_runtime": False},
        {"minimum_segment_size": 0},
        {"batches": ()},
    ],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be|have to be|batches"):
        TfTrtOptions(**wrong)


@pytest.mark.parametrize("strategy", ["Range", "Optimal"])
def test_a_shape_without_an_engine_is_refused(
    strategy: str, small: ModelSource, photographs: NDArray[np.uint8], tmp_path: Path
) -> None:
    """With a SavedModel that has no engines, which TensorFlow runs as well; the shapes say that it has."""
    frozen = small.freeze()
    tftrt.save_with_signature(frozen, tmp_path / tftrt.CONVERTED)
    (tmp_path / tftrt.SHAPES).write_text("[[1, 32, 32, 3], [1, 64, 96, 3]]")
    chosen = options(Precision.FP32, use_dynamic_shape=True, dynamic_shape_profile_strategy=strategy, batches=(1,))
    runtime = tftrt.TfTrtRuntime(Artifact(tmp_path, {}, 0.0, {}), chosen)
    image = photographs[:1, 64:128, 64:160]
    np.testing.assert_allclose(runtime.infer(image).geometry, run_graph(frozen, image).geometry, atol=1e-3)
    with pytest.raises(ConversionError, match=r"for images of 1x128x256 \(built for 1x32x32, 1x64x96\)"):
        runtime.infer(np.ascontiguousarray(photographs[:1, :128, :256]))
    if strategy == "Range":
        runtime.warm_up(Size(64, 64))
    else:
        with pytest.raises(ConversionError, match="for images of 1x64x64"):
            runtime.warm_up(Size(64, 64))
    runtime.close()


def test_without_tensorrt_it_is_not_offered(source: ModelSource) -> None:
    if missing_for_tensorrt() is None:
        pytest.skip("TensorRT is here")
    with pytest.raises(RuntimeUnavailableError, match="runtime 'tftrt' cannot run here: "):
        load_runtime(source, replace(options(), runtime="tftrt"))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", Precision)
def test_the_whole_conversion(
    precision: Precision, source: ModelSource, frozen: FrozenModel, photographs: NDArray[np.uint8]
) -> None:
    missing = missing_for_tensorrt()
    if missing is not None:
        pytest.skip(missing)
    size = Size(*photographs.shape[1:3])
    chosen = DetectorOptions(precision=precision, input_size=size, calibration=Calibration(SHIPPED, count=8, size=size))
    artifact = tftrt.convert(source, chosen)
    assert ConversionReport.load(artifact.folder).engines >= 1
    runtime = tftrt.load(source, chosen)
    found, wanted = runtime.infer(photographs[:1]), run_graph(frozen, photographs[:1])
    assert np.abs(found.score - wanted.score).mean() < 0.01
    assert len(runtime.candidates(photographs, 0.8)) == 3
    with pytest.raises(ConversionError, match="no TensorRT engine for images of 1x128x128"):
        runtime.infer(np.ascontiguousarray(photographs[:1, :128, :128]))
