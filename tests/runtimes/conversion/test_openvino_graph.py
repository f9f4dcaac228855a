from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from east.frameworks import openvino
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel
from east.model.source import ModelSource
from east.options import Calibration
from east.runtimes.conversion.calibration import SHIPPED, find_images
from east.runtimes.conversion.known_ranges import find_ranges
from east.runtimes.conversion.measuring import measure
from east.runtimes.conversion.openvino_graph import convolutions, openvino_model
from east.runtimes.rewrites.explicit_ranges import quantized
from east.runtimes.rewrites.late_upsampling import upsample_late
from east.types import Maps, Size
from tests.support.maps import run_graph
from tests.support.small_network import write_small


def run_openvino(model: object, images: NDArray[np.uint8]) -> Maps:
    config = {"INFERENCE_PRECISION_HINT": "f32"}
    found = openvino().Core().compile_model(model, "CPU", config)([images])
    return Maps(found[0][..., 0], found[1])


def test_every_convolution_is_known_by_its_name(frozen: FrozenModel) -> None:
    graph = upsample_late(frozen)
    found = convolutions(openvino_model(graph), graph)
    assert set(found) == {node.name for node in graph.graph_def.node if node.op == "Conv2D"}
    deep = found["feature_fusion/Conv_2/Conv2D/deep"]
    assert deep.get_output_partial_shape(0)[1].get_length() == 64


def test_openvino_computes_what_tensorflow_simulates(tmp_path: Path) -> None:
    write_small(tmp_path / "small.pb")
    frozen = freeze(tmp_path / "small.pb")
    images = find_images(Calibration(SHIPPED, count=2, size=Size(64, 96)))
    graph = quantized(frozen, measure(frozen, images, ""), signed=False)
    model = openvino_model(graph)
    for image in images.images():
        exact, wanted, found = run_graph(frozen, image), run_graph(graph, image), run_openvino(model, image)
        assert np.abs(wanted.score - exact.score).max() > 1e-3
        between = np.abs(found.score - wanted.score)  # none, but where a processor's 16 bits overflow
        assert np.quantile(between, 0.9) < 1e-6
        assert between.mean() < 0.3 * np.abs(wanted.score - exact.score).mean()


def test_the_bundled_network_finds_the_same_text_in_both(
    source: ModelSource, frozen: FrozenModel, photographs: NDArray[np.uint8]
) -> None:
    graph = quantized(frozen, find_ranges(source, Calibration()), signed=False)
    wanted, found = run_graph(graph, photographs[:1]), run_openvino(openvino_model(graph), photographs[:1])
    text = (wanted.score > 0.8) | (found.score > 0.8)
    assert text.sum() > 30
    assert np.mean(((wanted.score > 0.5) & (found.score > 0.5))[text]) > 0.95
    assert np.abs(found.score - wanted.score).mean() < 0.004


def test_a_graph_with_other_operations_runs_in_eight_bits_where_it_can(tmp_path: Path) -> None:
    write_small(tmp_path / "odd.pb", odd=True)
    frozen = freeze(tmp_path / "odd.pb")
    images = find_images(Calibration(SHIPPED, count=2, size=Size(64, 96)))
    graph = quantized(frozen, measure(frozen, images, ""), signed=False)
    model = openvino_model(graph)
    assert sum(op.get_type_name() == "FakeQuantize" for op in model.get_ops()) == 3
    [image] = list(images.images())[:1]
    wanted, found = run_graph(frozen, image), run_openvino(model, image)
    assert 0 < np.abs(found.score - wanted.score).max() < 0.05
