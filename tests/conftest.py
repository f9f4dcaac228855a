"""What the tests of all packages share: one cache folder, one detector, the real photographs if there are any."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

from east import TextDetector
from east.compiling import compile_now

settings.register_profile("whatever it takes", deadline=None)  # a busy machine is no fault
settings.load_profile("whatever it takes")

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo"

LONGEST = (
    "training/loop/test_fit.py",
    "model/freezing/test_freeze.py",
    "training/test_presets.py",
    "test_detector.py",
    "cli/test_detect.py",
    "serving/test_process.py",
    "runtimes/test_openvino.py",
    "serving/test_hostile_images.py",
    "model/freezing/test_network_graph.py",
    "eval/commands/test_speed.py",
    "serving/test_openapi.py",
    "runtimes/test_tftrt.py",
    "training/backends/test_backends.py",
    "runtimes/test_tensorflow_setup.py",
    "runtimes/rewrites/test_explicit_ranges.py",
    "test_slim.py",
    "model/test_checkpoint.py",
    "cli/test_freeze.py",
    "postprocess/test_polygon.py",
)
"""Files that take longest, the longest first: begun last, one of them would keep a single worker busy at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, in the order of `LONGEST`; the others keep theirs."""
    places = {HERE / name: place for place, name in enumerate(LONGEST)}
    if absent := [str(path) for path in places if not path.is_file()]:
        raise pytest.UsageError(f"LONGEST in tests/conftest.py names what is not there: {', '.join(absent)}")
    items.sort(key=lambda item: places.get(item.path, len(places)))


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
    compile_now()  # no test is about what Python does meanwhile but those that say so
    with TextDetector(precision="FP32") as detector:
        yield detector


@pytest.fixture(scope="session")
def demo_images() -> list[Path]:
    """The images that ship with the project."""
    return sorted(DEMO.glob("*.jpg"))


@pytest.fixture(scope="session")
def small_images(demo_images: list[Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The same at 480x352, which finds nearly all of their words at a seventh of the time."""
    folder = tmp_path_factory.mktemp("small")
    for path in demo_images:
        with Image.open(path) as image:
            image.resize((480, 352)).save(folder / path.name, quality=95)
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def icdar_folder() -> Path:
    """The ICDAR2015 training images with their ground truths."""
    folder = os.environ.get("ICDAR2015_DIR")
    if not folder or not Path(folder).is_dir():
        pytest.skip("ICDAR2015_DIR does not name a folder with the ICDAR2015 training images")
    return Path(folder)
