"""INT8 as ONNX Runtime's processor kernels take it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper

from east.frameworks import onnxruntime
from east.model.frozen import FrozenModel
from east.model.source import ModelSource
from east.options import Calibration
from east.runtimes.conversion.known_ranges import find_ranges
from east.runtimes.conversion.onnx_for_cpu import for_cpu
from east.runtimes.conversion.onnx_graph import to_onnx
from east.runtimes.rewrites.explicit_ranges import quantized
from east.types import Maps


@pytest.fixture(scope="module")
def exported(source: ModelSource, frozen: FrozenModel) -> ModelProto:
    return to_onnx(quantized(frozen, find_ranges(source, Calibration())))


@pytest.fixture(scope="module", params=[False, True], ids=["16 bits", "32 bits"])
def rewritten(exported: ModelProto, photographs: NDArray[np.uint8], request: pytest.FixtureRequest) -> ModelProto:
    return for_cpu(exported, [photographs], exact=request.param)


def test_all_but_the_last_four_convolutions_are_computed_in_8_bits(rewritten: ModelProto, tmp_path: Path) -> None:
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(rewritten.SerializeToString(), options, providers=["CPUExecutionProvider"])
    after = Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)
    assert after["QLinearConv"] == 62
    assert after["Conv"] + after["FusedConv"] == 4
    assert after["QLinearAdd"] == 19


def test_only_a_processor_that_adds_exactly_multiplies_unsigned_by_signed_numbers(
    rewritten: ModelProto, request: pytest.FixtureRequest
) -> None:
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in rewritten.graph.initializer}
    nodes = {node.output[0]: node for node in rewritten.graph.node}
    kinds: Counter[tuple[int, str]] = Counter()
    for node in rewritten.graph.node:
        if node.op_type == "Conv" and node.input[1] in nodes:
            activation, weights = (nodes[name] for name in node.input[:2])
            kinds[int(values[activation.input[2]]), values[weights.input[0]].dtype.name] += 1
    exact = request.node.callspec.params["rewritten"]
    assert kinds == {(0, "int8" if exact else "uint8"): 62, (128, "uint8"): 1}


def test_the_maps_are_as_near_to_fp32_as_the_exported_ones(
    exported: ModelProto, rewritten: ModelProto, photographs: NDArray[np.uint8], wanted: Maps
) -> None:
    onnx.checker.check_model(rewritten, full_check=True)
    text = wanted.score > 0.8

    def error(model: ModelProto) -> tuple[float, float]:
        session = onnxruntime().InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        maps = Maps(*session.run(None, {"input_images": photographs}))
        score, distances = np.abs(maps.score[..., 0] - wanted.score), np.abs(maps.geometry - wanted.geometry)
        return float(score.mean()), float(distances[text][:, :4].mean())

    for found, allowed in zip(error(rewritten), error(exported), strict=True):
        assert found < allowed


def test_the_exported_model_stays_as_it_is(exported: ModelProto, photographs: NDArray[np.uint8]) -> None:
    before = exported.SerializeToString(deterministic=True)
    for_cpu(exported, [photographs[:1]], exact=True)
    assert exported.SerializeToString(deterministic=True) == before
