from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from east.model.frozen import FrozenModel
from east.runtimes.rewrites.half_precision import to_half
from east.runtimes.rewrites.late_upsampling import upsample_late
from east.types import Maps
from tests.support.maps import differences, run_graph


def test_late_upsampling_gives_the_same_maps(frozen: FrozenModel, photographs: NDArray[np.uint8], wanted: Maps) -> None:
    late = upsample_late(frozen)
    assert late.operations["ConcatV2"] == 1
    assert late.operations["Conv2D"] == frozen.operations["Conv2D"] + 3
    score, distances, angle = differences(run_graph(late, photographs), wanted)
    assert score < 1e-4
    assert distances < 1e-2
    assert angle < 1e-4


def test_late_upsampling_leaves_the_original_alone(frozen: FrozenModel) -> None:
    before = frozen.graph_def.SerializeToString(deterministic=True)
    upsample_late(frozen)
    to_half(frozen)
    assert frozen.graph_def.SerializeToString(deterministic=True) == before
