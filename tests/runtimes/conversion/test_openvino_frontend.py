"""Graphs that somebody brought where there is no TensorFlow to look at them first: OpenVINO says what is wrong."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from east.errors import EastError
from east.frameworks import openvino, tensorflow
from east.model.freezing import checks
from east.model.freezing.freeze import freeze
from east.runtimes.conversion.openvino_frontend import read_graph
from tests.support.graphs import write_graph

tf = tensorflow()


def maps(x: Any, channels: int = 5) -> tuple[Any, Any]:
    score, geometry = (np.full((1, 1, 3, c), 0.01, np.float32) for c in (1, 5))
    wider = tf.pad(tf.nn.conv2d(x, geometry, 4, "SAME"), [[0, 0], [0, 0], [0, 0], [0, channels - 5]])
    return tf.sigmoid(tf.nn.conv2d(x, score, 4, "SAME")), tf.reverse(wider, [1])


@pytest.fixture(autouse=True)
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "is_installed", lambda _: False)


@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (lambda x: maps(tf.raw_ops.Lgamma(x=x)), "OpenVINO cannot run the graph: No conversion rule .*: Lgamma"),
        (lambda x: maps(x, 8), "feature_fusion/concat_3 should have 5 channels"),
        (lambda x: maps(tf.reshape(x, [2, 32, 32, 3])), "Conv_7/Sigmoid is made for 2 images at once"),
    ],
)
def test_what_openvino_cannot_use_is_one_line(network: Any, complaint: str, tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", network)
    frozen = freeze(tmp_path / "graph.pb")
    with pytest.raises(EastError, match=complaint) as error:
        read_graph(frozen)
    assert "\n" not in str(error.value)


def test_a_graph_of_any_plain_operations_computes_what_it_did(tmp_path: Path) -> None:
    original = write_graph(tmp_path / "graph.pb", maps)
    model = read_graph(freeze(tmp_path / "graph.pb"))
    images = np.random.default_rng(3).integers(0, 256, (2, 32, 64, 3), np.uint8)
    compiled = openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for found, expected in zip(compiled([images]).values(), original(images.astype(np.float32)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("verbose", [False, True])
def test_what_openvino_prints_is_no_result_and_other_threads_print_where_they_did(
    verbose: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_graph(tmp_path / "graph.pb", maps)
    frozen = freeze(tmp_path / "graph.pb")
    ov, before, during = openvino(), sys.stdout, []
    convert = ov.convert_model

    def watched(*arguments: Any) -> Any:
        during.append(sys.stdout is before)
        return convert(*arguments)

    monkeypatch.setattr(ov, "convert_model", watched)
    monkeypatch.setattr(sys, "argv", ["east", *["--verbose"] * verbose])
    read_graph(frozen)
    assert during == [not verbose]
    assert sys.stdout is before
    assert capsys.readouterr().out == ""
