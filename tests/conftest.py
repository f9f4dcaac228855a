"""What the tests of all packages share: one cache folder, one detector, the real photographs if there are any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from east import TextDetector

DEMO = Path(__file__).parent.parent / "demo"


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the user's cache and weights out of the tests, also out of the processes they start."""
    folder = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EAST_CACHE_DIR", str(folder / "cache"))
        patch.setenv("EAST_WEIGHTS_DIR", str(folder / "weights"))
        yield


@pytest.fixture(scope="session")
def detector(own_folders: None) -> Iterator[TextDetector]:
    """The bundled weights in the fastest runtime here, at FP32."""
    with TextDetector(precision="FP32") as detector:
        yield detector


@pytest.fixture(scope="session")
def demo_images() -> list[Path]:
    """The images that ship with the project."""
    return sorted(DEMO.glob("*.jpg"))


@pytest.fixture(scope="session")
def icdar_folder() -> Path:
    """The ICDAR2015 training images with their ground truths."""
    folder = os.environ.get("ICDAR2015_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("ICDAR2015_DIR does not name a folder with the ICDAR2015 training images")
    return Path(folder)
