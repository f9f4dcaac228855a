"""Engines of a small network, and what TensorRT refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import pytest

from east.errors import ConversionError
from east.runtimes.conversion.tensorrt_bindings import bindings
from east.runtimes.conversion.tensorrt_context import ENGINE, save_context
from east.runtimes.conversion.tensorrt_engine import Engine, Profile, build_engine, why_invalid
from east.runtimes.conversion.tensorrt_layers import convolution_types, wanted_types
from tests.support.onnx_models import small_network

PROFILE = Profile((1, 32, 32, 3), (1, 64, 96, 3), (2, 64, 96, 3))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(small_network().SerializeToString(), PROFILE)


def test_each_layer_is_in_the_type_of_the_model(engine: Engine) -> None:
    assert wanted_types(small_network()) == {"half": "Half", "single": "Float"}
    assert convolution_types(engine.layers, ["half", "single", "none"]) == {"half": "Half", "single": "Float"}
    first, last = engine.layers[0], engine.layers[-1]
    assert [layer.inputs for layer in engine.layers if "images" in layer.sources] == [("UInt8",)]
    assert (last.targets, last.outputs) == (("y",), ("Float",))
    assert first.name != last.name


def test_without_a_gpu_an_engine_is_known_not_to_run(engine: Engine) -> None:
    reason = why_invalid(engine.plan)
    if reason is None:
        pytest.skip("there is a GPU for TensorRT here")
    assert "CUDA" in reason or "compute capability" in reason


@pytest.mark.parametrize(
    ("model", "profile", "told"),
    [
        (
            lambda: small_network("Nonsense", "mine").SerializeToString(),
            PROFILE,
            "not take the model whole: last: ",
        ),
        (lambda: b"no model", PROFILE, "does not take the model whole"),
        (
            lambda: small_network().SerializeToString(),
            Profile((1, 1, 1, 3), (1, 1, 1, 3), (1, 1, 1, 3)),
            "cannot build an",
        ),
    ],
)
def test_what_tensorrt_refuses_is_told_in_its_words(model: Callable[[], bytes], profile: Profile, told: str) -> None:
    with pytest.raises(ConversionError) as error:
        build_engine(model(), profile)
    assert told in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_options_reach_the_builder(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is TensorRT's own; what it was configured to is looked at when it builds."""
    trt, seen = bindings(), []
    build = trt.Builder.build_serialized_network

    def looked_at(self: Any, network: Any, config: Any) -> Any:
        pool = config.get_memory_pool_limit(trt.MemoryPoolType.WORKSPACE)
        target = config.get_compute_capability(0) if config.num_compute_capabilities else None
        seen.append((config.builder_optimization_level, pool, config.get_flag(trt.BuilderFlag.TF32), target))
        return build(self, network, config)

    monkeypatch.setattr(trt.Builder, "build_serialized_network", looked_at)
    model = small_network().SerializeToString()
    build_engine(model, PROFILE, optimization_level=1, workspace=1 << 28, tf32=True, capability=(8, 9))
    build_engine(model, PROFILE, capability=(13, 0))
    assert seen[0] == (1, 1 << 28, True, trt.ComputeCapability.SM89)
    assert (seen[1][0], seen[1][2:]) == (3, (False, None))


def test_a_model_names_the_engine_beside_it(engine: Engine, tmp_path: Any) -> None:
    place = save_context(tmp_path, small_network().SerializeToString(), engine.plan, "SomeProvider", "8.9")
    model = onnx.load(place)
    onnx.checker.check_model(model)
    assert (tmp_path / ENGINE).read_bytes() == engine.plan
    assert [node.op_type for node in model.graph.node] == ["EPContext"]
    assert [one.name for one in (*model.graph.input, *model.graph.output)] == ["images", "y"]
