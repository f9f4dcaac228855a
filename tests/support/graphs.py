"""Running frozen graphs, and writing small ones, in tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from east.frameworks import tensorflow
from east.model.frozen import FrozenModel, tensorflow_graph
from east.types import Maps

tf = tensorflow()
v1 = tf.compat.v1

_AS_WRITTEN = v1.ConfigProto()
"""Runs a graph as it is: to rewrite the network takes longer than a small image, and some odd chains make it abort."""

_AS_WRITTEN.graph_options.rewrite_options.disable_meta_optimizer = True


def run(frozen: FrozenModel, images: NDArray[Any]) -> Maps:
    """The maps of ``images``, converted to the graph's input type."""
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(tensorflow_graph(frozen.graph_def), name="")
    with v1.Session(graph=graph, config=_AS_WRITTEN) as session:
        outputs = [f"{frozen.score_name}:0", f"{frozen.geometry_name}:0"]
        return Maps(*session.run(outputs, {f"{frozen.input_name}:0": images.astype(frozen.input_dtype)}))


def assert_same_maps(maps: Maps, expected: Maps) -> None:
    """Scores and angles within 1e-5, distances within a thousandth of a pixel."""
    np.testing.assert_allclose(maps.score, expected.score, rtol=0, atol=1e-5)
    np.testing.assert_allclose(maps.geometry[..., :4], expected.geometry[..., :4], rtol=0, atol=1e-3)
    np.testing.assert_allclose(maps.geometry[..., 4], expected.geometry[..., 4], rtol=0, atol=1e-5)


def write_graph(path: Path, network: Callable[[Any], tuple[Any, Any]], **placeholder: Any) -> Callable[..., Maps]:
    """Writes the graph of ``network(images) -> (score, geometry)`` under the usual names as a frozen ``.pb``.

    Returns a function that runs the graph as it was written.
    """
    options = {"dtype": tf.float32, "shape": [None, None, None, 3], "name": "input_images", **placeholder}
    graph = tf.Graph()
    with graph.as_default():
        images = v1.placeholder(**options)
        score, geometry = network(images)
        score = tf.identity(score, name="feature_fusion/Conv_7/Sigmoid")
        geometry = tf.identity(geometry, name="feature_fusion/concat_3")
    path.write_bytes(graph.as_graph_def().SerializeToString())

    def original(array: NDArray[Any]) -> Maps:
        with v1.Session(graph=graph, config=_AS_WRITTEN) as session:
            return Maps(*session.run([score, geometry], {images: array}))

    return original
