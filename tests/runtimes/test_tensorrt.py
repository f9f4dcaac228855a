"""TensorRT as far as it goes without a GPU: engines are built for real, and their sessions run on the processor."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from east.cli import main
from east.errors import ConversionError, RuntimeUnavailableError
from east.frameworks import onnxruntime, tensorflow
from east.model.frozen import FrozenModel
from east.model.source import ModelSource
from east.options import DetectorOptions, TensorRtOptions
from east.postprocess import select_candidates
from east.runtimes import convert_model, load_runtime, tensorrt
from east.runtimes.conversion.artifacts import Artifact, ArtifactCache, ConversionReport
from east.runtimes.conversion.onnx_graph import to_onnx
from east.runtimes.conversion.ort_session import Device, DeviceSession
from east.runtimes.conversion.tensorboard import write_graphs
from east.runtimes.conversion.tensorrt_layers import convolution_types, load_layers
from east.runtimes.gpu.onnx_selection import with_selection
from east.types import Precision, Size
from tests.support.maps import run_graph

SIZE = Size(64, 96)
HEADS = {f"feature_fusion/Conv_{number}/Conv2D" for number in (7, 8, 9)}


def options(precision: Precision | str = Precision.FP32, **chosen: Any) -> DetectorOptions:
    tuned = TensorRtOptions(batches=(1, 2), **chosen)
    return DetectorOptions("default", "tensorrt", precision, input_size=SIZE, tensorrt=tuned)


@pytest.fixture(scope="module")
def built(source: ModelSource) -> dict[Precision, Artifact]:
    """An engine in each precision, built once, by way of the cache."""
    return {precision: convert_model(source, options(precision)) for precision in Precision}


@pytest.fixture(scope="module")
def runtime(frozen: FrozenModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tensorrt.TensorRtRuntime]:
    """The runtime with its model in a session on the processor, which takes any size."""
    folder = tmp_path_factory.mktemp("model")
    about = {"profile": [[1, 32, 32, 3], [1, 64, 96, 3], [2, 192, 256, 3]], "sides": [None, None]}
    (folder / tensorrt.ABOUT).write_text(json.dumps(about))
    model = with_selection(to_onnx(frozen)).SerializeToString()
    on_cpu = onnxruntime().InferenceSession(model, providers=["CPUExecutionProvider"])
    session = DeviceSession(on_cpu, tensorrt.outputs_of, Device())
    loaded = tensorrt.TensorRtRuntime(
        Artifact(folder, {}, 0.0, {}), replace(options(), input_size=None), session, "cpu"
    )
    loaded.warm_up(SIZE, 2)
    yield loaded
    loaded.close()


@pytest.mark.parametrize(
    ("precision", "wanted", "megabytes"),
    [
        (Precision.FP32, {"Float": 66}, (90, 105)),
        (Precision.FP16, {"Half": 66}, (45, 55)),
        (Precision.INT8, {"Int8": 63, "Float": 3}, (30, 40)),
    ],
)
def test_convolutions_are_in_the_precision_asked_for(
    precision: Precision, wanted: dict[str, int], megabytes: tuple[int, int], built: dict[Precision, Artifact]
) -> None:
    layers = load_layers(built[precision].folder)
    nodes = {node for layer in layers for node in layer.nodes if node.endswith(("/Conv2D", "/deep", "/shallow"))}
    found = convolution_types(layers, nodes - {node.removesuffix("/deep") for node in nodes if node.endswith("/deep")})
    assert Counter(found.values()) == wanted
    if precision is Precision.INT8:
        assert {name for name, kind in found.items() if kind == "Float"} == HEADS
    sigmoids = [layer for layer in layers if any(node.endswith("/Sigmoid") for node in layer.nodes)]
    kinds = {kind for layer in sigmoids for kind in layer.outputs}
    assert "Float" in kinds
    assert not kinds & {"Half", "Int8"}
    assert megabytes[0] * 1e6 < built[precision].bytes < megabytes[1] * 1e6


def test_the_whole_graph_is_in_one_engine(built: dict[Precision, Artifact], capsys: pytest.CaptureFixture[str]) -> None:
    report = ConversionReport.load(built[Precision.INT8].folder)
    assert (report.engines, report.converted, report.before["Conv2D"]) == (1, 1.0, 66)
    assert report.after["correlation Int8"] == 63
    chosen = ["--input-size", "64x96", "--tensorrt", "batches=1,2"]
    assert main(["inspect", "--runtime", "tensorrt", "--precision", "FP16", *chosen]) == 0
    table = capsys.readouterr().out
    assert "100.0% of the operations in 1 engine\n" in table
    assert "correlation Half" in table


def test_tensorboard_shows_the_layers(built: dict[Precision, Artifact], frozen: FrozenModel, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    write_graphs(tmp_path, frozen.graph_def, built[Precision.FP16].folder)
    [log] = (tmp_path / "converted").iterdir()
    [shown] = [event.graph_def for event in EventFileLoader(str(log)).Load() if event.HasField("graph_def")]
    nodes = {node.name: node for node in tensorflow().compat.v1.GraphDef.FromString(shown).node}
    assert sum(node.op in ("correlation", "runtime_fusion") for node in nodes.values()) == 66
    assert nodes["input_images"].op == "Placeholder"
    assert all(name in nodes for node in nodes.values() for name in node.input)


def test_engines_are_found_again(
    built: dict[Precision, Artifact], source: ModelSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelSource, "freeze", None)
    assert convert_model(source, options(Precision.FP16)).folder == built[Precision.FP16].folder


def test_whatever_changes_an_engine_is_part_of_its_key(source: ModelSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ArtifactCache, "get_or_build", lambda _, key, read, build: key)
    keys = [
        tensorrt.convert(source, chosen)
        for chosen in (
            options(),
            options("FP16"),
            options("INT8"),
            options(compute_capability="8.9"),
            options(builder_optimization_level=1),
            options(max_workspace_size=1 << 30),
            replace(options(), tf32=True),
            replace(options(), tensorrt=TensorRtOptions(batches=(1,))),
            replace(options(), input_size=None),
            replace(options(), input_size=None, max_side=640),
        )
    ]
    assert len({json.dumps(key, default=str) for key in keys}) == len(keys)
    assert tensorrt.convert(source, options(cuda_graph_enable=True)) == keys[0]
    assert keys[0]["tensorrt_rtx"].startswith("1.")  # type: ignore[index]


def test_a_model_stands_for_the_engine(built: dict[Precision, Artifact]) -> None:
    folder = built[Precision.FP32].folder
    model = onnx.load(folder / tensorrt.MODEL)
    onnx.checker.check_model(model)
    [node] = model.graph.node
    about = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    assert (node.op_type, node.domain) == ("EPContext", "com.microsoft")
    assert about["source"] == b"NvTensorRTRTXExecutionProvider"
    assert (folder / about["ep_cache_context"].decode()).stat().st_size > 90e6
    assert [one.name for one in model.graph.input] == ["input_images", "score_threshold"]
    assert [one.name for one in model.graph.output][1:] == ["feature_fusion/concat_3", "packed"]


def test_an_engine_that_nothing_here_runs_is_one_line(built: dict[Precision, Artifact]) -> None:
    folder, told = built[Precision.FP16].folder, onnxruntime().SessionOptions()
    with pytest.raises(
        ConversionError, match=r"ONNX Runtime cannot load .*east\.onnx in TensorRT: .*EPContext"
    ) as error:
        tensorrt._opened(folder, told, ["CPUExecutionProvider"])
    assert len(str(error.value).splitlines()) == 1


def test_what_is_built_otherwise_than_asked_for_is_refused(
    built: dict[Precision, Artifact], frozen: FrozenModel
) -> None:
    model = to_onnx(frozen)
    with pytest.raises(ConversionError, match=r"built 63 of 63 convolutions otherwise: \d+ of Float as Half"):
        tensorrt.check_types(model, load_layers(built[Precision.FP16].folder))
    with pytest.raises(ConversionError, match=r"otherwise: 63 of Float as nothing"):
        tensorrt.check_types(model, [])


def test_maps_are_those_of_the_graph(
    runtime: tensorrt.TensorRtRuntime, frozen: FrozenModel, photographs: NDArray[np.uint8]
) -> None:
    images = np.ascontiguousarray(photographs[:1, 64:128, 64:160])
    found, wanted = runtime.infer(images), run_graph(frozen, images)
    np.testing.assert_allclose(found.score, wanted.score, atol=1e-4)
    np.testing.assert_allclose(found.geometry[..., :4], wanted.geometry[..., :4], atol=0.1)
    np.testing.assert_allclose(found.geometry[..., 4], wanted.geometry[..., 4], atol=1e-3)


@pytest.mark.parametrize("quantile", [0.95, 0.5])
def test_candidates_are_those_of_the_maps(
    quantile: float, runtime: tensorrt.TensorRtRuntime, photographs: NDArray[np.uint8]
) -> None:
    """Half of the pixels are more than there are slots for."""
    images = np.ascontiguousarray(photographs[:, 64:128, 64:160])
    maps = runtime.infer(images)
    threshold = float(np.quantile(maps.score, quantile))
    for found, score, geometry in zip(runtime.candidates(images, threshold), *maps, strict=True):
        wanted = select_candidates(score, geometry, threshold)
        np.testing.assert_array_equal(found.pixels, wanted.pixels)
        np.testing.assert_array_equal(found.geometry, wanted.geometry)
        np.testing.assert_array_equal(found.score_map, wanted.score_map)


def test_other_sizes_are_filled_up(runtime: tensorrt.TensorRtRuntime, photographs: NDArray[np.uint8]) -> None:
    """To a bucket's; where the engine does not take that, they stay as they are."""
    for height, width in ((96, 96), (160, 256)):
        image = np.ascontiguousarray(photographs[:1, :height, :width])
        [found] = runtime.candidates(image, 0.0)
        assert found.score_map.shape == (height // 4, width // 4)
        assert len(found.pixels) == height * width // 16
        assert runtime.infer(image).geometry.shape == (1, height // 4, width // 4, 5)
    with pytest.raises(
        ConversionError, match=r"no TensorRT engine for 1 images of 224x64 \(built for 1x32x32 to 2x192"
    ):
        runtime.infer(np.zeros((1, 224, 64, 3), np.uint8))


def test_what_it_says_of_itself(runtime: tensorrt.TensorRtRuntime) -> None:
    assert (runtime.name, runtime.arithmetic, runtime.batch, runtime.batches) == ("tensorrt", "f32", 2, (1, 2))


@pytest.mark.parametrize(
    ("chosen", "profile"),
    [
        (options(), "1x64x96 to 2x64x96"),
        (replace(options(), input_size=None), "1x32x32 to 2x2432x2432"),
        (replace(options(profile_max_size=(256, 512)), input_size=None), "1x32x32 to 2x256x512"),
        (replace(options(profile_min_size=(96, 96)), input_size=None, max_side=1280), "1x96x96 to 2x1280x1280"),
    ],
)
def test_shapes_that_an_engine_takes(chosen: DetectorOptions, profile: str) -> None:
    found = tensorrt.profile_for(chosen, chosen.fixed_size)
    assert str(found) == profile
    assert found.holds(found.best)


def test_sizes_that_decrease_are_refused() -> None:
    with pytest.raises(ValueError, match="profile_opt_size and profile_max_size must not decrease"):
        TensorRtOptions(profile_opt_size=(672, 1280), profile_max_size=(640, 1280))


def test_without_a_gpu_it_is_not_offered(source: ModelSource, tmp_path: Path) -> None:
    if tensorrt.availability().precisions:
        pytest.skip("there is a GPU for TensorRT here")
    with pytest.raises(RuntimeUnavailableError, match="runtime 'tensorrt' cannot run here: "):
        load_runtime(source, options())
    assert main(["convert", "--runtime", "tensorrt", "--device", "cpu"]) == 1


@pytest.mark.gpu
@pytest.mark.parametrize("precision", Precision)
def test_the_engine_runs(
    precision: Precision, source: ModelSource, frozen: FrozenModel, photographs: NDArray[np.uint8]
) -> None:
    here = tensorrt.availability()
    if not here.precisions:
        pytest.skip(here.missing)
    size = Size(*photographs.shape[1:3])
    chosen = replace(options(precision), input_size=size)
    loaded = load_runtime(source, chosen)
    found, wanted = loaded.infer(photographs[:1]), run_graph(frozen, photographs[:1])
    assert np.abs(found.score - wanted.score).mean() < (1e-4 if precision is Precision.FP32 else 0.01)
    assert len(loaded.candidates(photographs, 0.8)) == 3
    with pytest.raises(ConversionError, match="no TensorRT engine for 1 images of 128x128"):
        loaded.infer(np.ascontiguousarray(photographs[:1, :128, :128]))
