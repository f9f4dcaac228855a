from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from east.model.frozen import FrozenModel
from east.runtimes.rewrites.explicit_ranges import measured, with_ranges
from east.types import Maps
from tests.support.maps import run_graph


def test_explicit_ranges_surround_all_but_the_last_convolutions(
    frozen: FrozenModel, photographs: NDArray[np.uint8], wanted: Maps
) -> None:
    quantized = with_ranges(frozen, [photographs[:1], photographs[1:]])
    nodes: dict[str, Any] = {node.name: node for node in quantized.graph_def.node}
    bare = {
        node.name
        for node in nodes.values()
        if node.op == "Conv2D" and any(nodes[name].op != "QuantizeAndDequantizeV2" for name in node.input)
    }
    assert bare == {f"feature_fusion/Conv_{n}/Conv2D" for n in (7, 8, 9)}
    found = run_graph(quantized, photographs)
    on_text = wanted.score > 0.8
    assert np.abs(found.score - wanted.score).max() > 0
    assert np.mean((found.score > 0.5)[on_text]) > 0.95
    assert np.median(np.abs(found.geometry - wanted.geometry)[on_text][:, :4]) < 2


def test_ranges_are_means_over_images_of_the_largest_magnitude(
    frozen: FrozenModel, photographs: NDArray[np.uint8]
) -> None:
    name = "resnet_v1_50/conv1/Relu"
    dark, light = np.zeros_like(photographs[:1]), np.full_like(photographs[:1], 255)
    alone = [measured(frozen, [name], [image])[name] for image in (dark, light)]
    assert alone[0] != alone[1]
    assert measured(frozen, [name], [dark, light])[name] == pytest.approx(np.mean(alone), rel=1e-5)
