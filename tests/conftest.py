"""What the tests of all packages share: one cache folder, one detector, the real photographs if there are any."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from PIL import Image

from east import TextDetector
from east.compiling import compile_now

settings.register_profile("whatever it takes", deadline=None)  # a busy machine is no fault
settings.load_profile("whatever it takes")

Once = Callable[[str, Callable[[Path], object]], Path]

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo"

# what tests start imports the project beside them, from whatever folder and wherever another is installed
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])

LONGEST = (
    "test_examples.py",
    "model/freezing/test_freeze.py",
    "training/loop/test_fit.py",
    "eval/commands/test_icdar2015.py",
    "training/test_presets.py",
    "test_slim.py",
    "serving/test_process.py",
    "test_detector.py",
    "serving/test_page.py",
    "serving/test_connection.py",
    "workers/test_streams.py",
    "serving/test_hostile_images.py",
    "cli/test_detect.py",
    "model/freezing/test_network_graph.py",
    "eval/commands/test_speed.py",
    "serving/test_kserve.py",
    "training/test_cli.py",
    "serving/test_read.py",
    "serving/test_scheduling.py",
    "serving/test_client.py",
    "postprocess/test_polygon.py",
    "serving/test_openapi.py",
    "cli/test_export.py",
)
"""Files that take longest, the longest first: begun last, one of them would keep a single worker busy at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, in the order of `LONGEST`; the others keep theirs."""
    places = {HERE / name: place for place, name in enumerate(LONGEST)}
    if absent := [str(path) for path in places if not path.is_file()]:
        raise pytest.UsageError(f"LONGEST in tests/conftest.py names what is not there: {', '.join(absent)}")
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def common(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one run of pytest have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def once(common: Path) -> Once:
    """``once(name, make)``: a folder with what ``make(folder)`` wrote for the first process that asked for it."""

    def made(name: str, make: Callable[[Path], object]) -> Path:
        place, done = common / f"once-{name}", common / f"once-{name}.done"
        with FileLock(f"{place}.lock"):
            if not done.exists():
                shutil.rmtree(place, ignore_errors=True)  # of one that failed
                place.mkdir()
                make(place)
                done.touch()
        return place

    return made


@pytest.fixture(scope="session", autouse=True)
def own_folders(common: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps the user's cache and weights out of the tests, also out of the processes they start.

    The cache is one for all processes of pytest, as a user's is for all of his: each model is converted once.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EAST_CACHE_DIR", str(common / "cache"))
        patch.setenv("EAST_WEIGHTS_DIR", str(tmp_path_factory.mktemp("weights")))
        yield


@pytest.fixture(scope="session")
def compiled(common: Path) -> None:
    """All that Numba compiles is compiled: by one process, where the others find it."""
    with FileLock(common / "compiled.lock"):
        compile_now()


@pytest.fixture(scope="session")
def detector(own_folders: None, compiled: None) -> Iterator[TextDetector]:
    """The bundled weights in the fastest runtime here, at FP32."""
    with TextDetector(precision="FP32") as detector:
        yield detector


@pytest.fixture
def loaded(detector: TextDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What loads a detector in this process gets the shared one: to load another takes longer than small images do."""
    monkeypatch.setattr(TextDetector, "from_options", lambda options: detector)
    monkeypatch.setattr(detector, "close", lambda: None)


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
