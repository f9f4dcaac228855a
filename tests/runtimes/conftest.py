"""What the tests of the runtimes share: the bundled weights frozen once, and small photographs."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from east.images.decoding import load_image
from east.model.frozen import FrozenModel
from east.model.source import ModelSource
from east.types import Maps
from tests.support.maps import run_graph


@pytest.fixture(scope="session")
def source(own_folders: None) -> ModelSource:
    return ModelSource.find("default")


@pytest.fixture(scope="session")
def frozen(source: ModelSource) -> FrozenModel:
    return source.freeze("uint8")


@pytest.fixture(scope="session")
def photographs(demo_images: list[str]) -> NDArray[np.uint8]:
    """The demo images, uint8 RGB (3, 192, 256, 3): parts of them, so that their words stay legible."""
    crops = [load_image(path)[200:584, 300:812] for path in demo_images]
    return np.stack(
        [np.asarray(cv2.resize(crop, (256, 192), interpolation=cv2.INTER_AREA), np.uint8) for crop in crops]
    )


@pytest.fixture(scope="session")
def wanted(frozen: FrozenModel, photographs: NDArray[np.uint8]) -> Maps:
    """What TensorFlow makes of the photographs, read-only: what every other runtime is measured by."""
    maps = run_graph(frozen, photographs)
    assert (maps.score > 0.8).sum() > 100
    for array in maps:
        array.setflags(write=False)
    return maps
