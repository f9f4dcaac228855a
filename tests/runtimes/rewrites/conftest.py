from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from east.model.frozen import FrozenModel
from east.types import Maps
from tests.support.maps import run_graph


@pytest.fixture(scope="module")
def wanted(frozen: FrozenModel, photographs: NDArray[np.uint8]) -> Maps:
    maps = run_graph(frozen, photographs)
    assert (maps.score > 0.8).sum() > 100
    return maps
