"""What a graph's message tells by itself is what TensorFlow says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from east.errors import GraphError
from east.frameworks import tensorflow
from east.model.freezing import checks
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel
from east.model.graphdef import GraphDef, tensor_of
from tests.support.graphs import v1, write_graph

tf = tensorflow()


def conv(x: Any, channels: int) -> Any:
    return tf.nn.conv2d(x, np.ones((3, 3, int(x.shape[3]), channels), np.float32), 1, "SAME")


def maps(x: Any, geometry: int = 5) -> tuple[Any, Any]:
    distances = tf.sigmoid(conv(x, geometry - 1)) * 512
    angle = (tf.sigmoid(conv(x, 1)) - 0.5) * [0.1]
    return tf.sigmoid(tf.nn.bias_add(conv(x, 1), [0.5])), tf.concat([distances, angle], 3)


@pytest.fixture(params=["by TensorFlow", "without it"])
def checked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "is_installed", lambda _: request.param == "by TensorFlow")


@pytest.mark.usefixtures("checked")
@pytest.mark.parametrize(
    ("network", "complaint"),
    [
        (lambda x: maps(v1.nn.dropout(x, rate=0.5)), "RandomUniform .* is left in the graph"),
        (lambda x: maps(x * v1.placeholder(tf.float32, [], "rate")), "Placeholder 'rate' is left in the graph"),
        (lambda x: maps(x, 8), "concat_3 should have 5 channels, and .* 8"),
        (lambda x: maps(x)[::-1], "Conv_7/Sigmoid should have 1 channels, and .* 5"),
    ],
)
def test_what_is_not_easts_is_refused(network: Any, complaint: str, tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", network)
    with pytest.raises(GraphError, match=complaint):
        freeze(tmp_path / "graph.pb")


@pytest.mark.usefixtures("checked")
def test_maps_that_only_running_would_tell_are_let_through(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph.pb", lambda x: (maps(x)[0], tf.reverse(maps(x)[1], [1])))
    assert freeze(tmp_path / "graph.pb").operations["ReverseV2"] == 1


def test_the_projects_own_graph_passes_and_with_other_heads_does_not(frozen: FrozenModel) -> None:
    checks.check_message(frozen.graph_def)
    other = GraphDef.FromString(frozen.graph_def.SerializeToString())
    for node in other.node:
        if node.name == "feature_fusion/Conv_8/weights":
            node.attr["value"].tensor.CopyFrom(tensor_of(np.zeros((1, 1, 32, 7), np.float32)))
    with pytest.raises(GraphError, match="concat_3 should have 5 channels, and it has 8"):
        checks.check_message(other)
