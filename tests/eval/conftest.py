"""Sets of images to evaluate on: the demo images, and one made up with known errors."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.icdar import parse_detected
from east.metrics import score
from eval import dataset as icdar2015
from eval.dataset import Icdar2015
from eval.journal import ImageResult
from eval.run import Run

Words = list[tuple[int, int, str]]


@pytest.fixture(scope="session")
def demo_set(tmp_path_factory: pytest.TempPathFactory, demo_images: list[Path]) -> Path:
    """Eight numbered images with ground truths, in ICDAR2015's layout."""
    folder = tmp_path_factory.mktemp("demo-set")
    for number in range(1, 9):
        image = demo_images[number % len(demo_images)]
        shutil.copy(image, folder / f"img_{number}.jpg")
        shutil.copy(image.with_name(f"gt_{image.stem}.txt"), folder / f"gt_img_{number}.txt")
    return folder


def line(x: int, y: int, *rest: object) -> str:
    """A word of 60 by 20 pixels with its top-left corner at (x, y)."""
    return ",".join(map(str, (x, y, x + 60, y, x + 60, y + 20, x, y + 20, *rest)))


# By image: words with their texts, and detections with their scores.
MADE_UP: dict[str, tuple[list[tuple[int, int, str]], list[tuple[int, int, float]]]] = {
    "1": ([(10, 10, "fine"), (10, 60, "good")], [(10, 10, 0.9), (11, 61, 0.8)]),
    "2": ([(10, 10, "missed"), (100, 100, '<b onclick="x">&amp;')], [(200, 200, 0.7), (10, 200, 0.3)]),
    "3": ([(10, 10, "###"), (100, 100, 'comma, quote"')], [(12, 11, 0.6), (100, 102, 0.5)]),
    "10": ([(10, 10, "miss"), (100, 10, "hit")], [(101, 10, 0.4)]),
}


@pytest.fixture(scope="session")
def _made_up_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made-up")
    for key, (words, _) in MADE_UP.items():
        noise = np.random.default_rng(int(key)).integers(0, 255, (240, 320, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"img_{key}.jpg")
        (folder / f"gt_img_{key}.txt").write_text("\n".join(line(*word) for word in words), encoding="utf-8-sig")
    return folder


@pytest.fixture
def made_up_folder(_made_up_folder: Path, tmp_path: Path) -> Path:
    """The images and ground truths of `MADE_UP`, for a test to change."""
    return Path(shutil.copytree(_made_up_folder, tmp_path / "made-up"))


@pytest.fixture(scope="session")
def made_up(_made_up_folder: Path) -> Icdar2015:
    return icdar2015.load(_made_up_folder)


@pytest.fixture(scope="session")
def run_of() -> Callable[..., Run]:
    """Makes a run out of what shall have been found."""

    def make(dataset: Icdar2015, *, precision: str = "FP32", drop: frozenset[str] = frozenset()) -> Run:
        results = {}
        for sample in dataset.samples:
            found = [] if sample.key in drop else MADE_UP[sample.key][1]
            lines = "".join(line(*detection) + "\n" for detection in found)
            results[sample.key] = ImageResult(lines, 320, 240, 5.0, 1.0, 80.0 + int(sample.key), 0.5, 90.0)
        detected = {key: parse_detected(r.lines.encode(), key, confidences=True) for key, r in results.items()}
        about = {
            "runtime": "openvino",
            "precision": precision,
            "arithmetic": "f32",
            "device": "a processor",
            "model_bytes": 96_400_000,
            "weights": "east_resnet50",
            "weights_sha256": "0" * 64,
            "input_size": [672, 1280],
            "scoring": "confidence",
            "confidence": {"slope": 1.0, "shift": 0.0, "fitted": {}},
            "thresholds": {"score": 0.8, "nms": 0.2, "box": 0.1},
        }
        return Run(about, results, detected, score(dataset.truths, detected))

    return make
