"""One checkpoint of the family, its maps, and one frozen bundle for all tests of the package."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from east.model import weights
from east.model.checkpoint import Variables, checkpoint_prefix, read_arrays
from east.model.freezing.freeze import freeze
from east.model.frozen import FrozenModel
from east.types import Maps
from tests.conftest import Once
from tests.support.graphs import run, v1
from tests.support.slim_east import average_saver, inference_graph, save_training_checkpoint, training_graph

DEMO = Path(__file__).parents[2] / "demo"


@pytest.fixture(scope="session")
def bundle() -> Path:
    return weights.resolve("default")


@pytest.fixture(scope="session")
def variables(bundle: Path) -> Variables:
    return read_arrays(bundle)


@pytest.fixture(scope="session")
def images() -> NDArray[np.uint8]:
    """One small image with a word: uint8 RGB (1, 64, 96, 3)."""
    with Image.open(DEMO / "shop.jpg") as image:
        return np.asarray(image.crop((200, 150, 392, 278)).resize((96, 64)))[np.newaxis]


@pytest.fixture(scope="session")
def frozen(bundle: Path) -> FrozenModel:
    return freeze(bundle)


@pytest.fixture(scope="session")
def maps(frozen: FrozenModel, images: NDArray[np.uint8]) -> Maps:
    """What the frozen bundle makes of the image."""
    return run(frozen, images)


@pytest.fixture(scope="session")
def frozen_float(bundle: Path) -> FrozenModel:
    return freeze(bundle, input_dtype="float32")


@pytest.fixture(scope="session")
def checkpoint(once: Once, variables: Variables) -> Path:
    """Prefix of a training checkpoint as the original script leaves it: its averages are the bundled weights."""

    def save(folder: Path) -> None:
        with training_graph(batch_norm="fused_v1") as averages:
            save_training_checkpoint(folder / "model.ckpt", averages, variables)

    return checkpoint_prefix(once("checkpoint", save))


@pytest.fixture(scope="session")
def slim_maps(once: Once, checkpoint: Path, images: NDArray[np.uint8]) -> Maps:
    """What the original inference code makes of the checkpoint."""

    def save(folder: Path) -> None:
        with inference_graph() as (placeholder, score, geometry), v1.Session() as session:
            average_saver().restore(session, str(checkpoint))
            found = session.run([score, geometry], {placeholder: images.astype(np.float32)})
        np.savez(folder / "maps.npz", *found)

    with np.load(once("slim_maps", save) / "maps.npz") as arrays:
        return Maps(*(arrays[name] for name in arrays.files))


@pytest.fixture
def with_meta(checkpoint: Path, tmp_path: Path) -> Callable[[AbstractContextManager[Any] | None], Path]:
    """Puts the checkpoint's variables beside the ``.meta`` of another graph, or beside none; returns the prefix."""

    def link(graph: AbstractContextManager[Any] | None) -> Path:
        prefix = tmp_path / "model.ckpt"
        for suffix in (".index", ".data-00000-of-00001"):
            os.link(f"{checkpoint}{suffix}", f"{prefix}{suffix}")
        if graph is not None:
            with graph:
                v1.train.export_meta_graph(f"{prefix}.meta")
        return prefix

    return link
