from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from east.errors import ConversionError
from east.frameworks import tensorflow
from east.model.frozen import FrozenModel, tensorflow_graph
from east.model.graphdef import array_of, tensor_of
from east.runtimes.rewrites.half_precision import to_half
from east.runtimes.rewrites.late_upsampling import upsample_late
from east.types import Maps
from tests.support.maps import differences, run_graph


def types(frozen: FrozenModel, operation: str) -> Counter[str]:
    tf = tensorflow()
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(tensorflow_graph(frozen.graph_def), name="")
    return Counter(op.outputs[0].dtype.name for op in graph.get_operations() if op.type == operation)


def test_half_precision_holds_all_convolutions_and_no_sigmoid(frozen: FrozenModel) -> None:
    half = to_half(upsample_late(frozen))
    assert types(half, "Conv2D") == {"float16": 66}
    assert types(half, "Relu") == {"float16": 56}
    assert types(half, "Sigmoid") == {"float32": 3}
    assert types(half, "Sub") == {"float32": 2}
    assert half.graph_def.ByteSize() < 0.51 * frozen.graph_def.ByteSize()


def test_half_precision_gives_nearly_the_same_maps(
    frozen: FrozenModel, photographs: NDArray[np.uint8], wanted: Maps
) -> None:
    found = run_graph(to_half(frozen), photographs)
    assert found.score.dtype == found.geometry.dtype == np.float32
    score, distances, angle = differences(found, wanted)
    assert 0 < score < 0.02
    assert distances < 0.5
    assert angle < 0.01


def test_half_precision_refuses_what_it_cannot_hold(frozen: FrozenModel) -> None:
    graph_def = type(frozen.graph_def)()
    graph_def.CopyFrom(frozen.graph_def)
    (weights,) = (node for node in graph_def.node if node.name == "feature_fusion/Conv_6/weights")
    values = np.array(array_of(weights.attr["value"].tensor))
    values[0, 0, 0, 0] = 1e5
    weights.attr["value"].tensor.CopyFrom(tensor_of(values))
    with pytest.raises(ConversionError, match=r"'feature_fusion/Conv_6/weights' reaches 1e\+05, half precision 65,504"):
        to_half(replace(frozen, graph_def=graph_def))
