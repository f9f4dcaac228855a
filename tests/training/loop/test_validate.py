from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from east.training.data.dataset import TEXT, read_folder
from east.training.data.labels import make_targets
from east.training.data.letters import encode_texts
from east.training.loop.validate import Validation
from east.training.validation.cases import photographs
from east.types import Maps

SIZE = (96, 160)
WORDS = ((20, 20, 80, 20, 80, 44, 20, 44), (90, 50, 150, 50, 150, 80, 90, 80))


@pytest.fixture
def validation(tmp_path: Path) -> Validation:
    """Ten pictures of twice the network's size with two words each."""
    for number in range(10):
        Image.new("RGB", (320, 192), (number, 0, 0)).save(tmp_path / f"img_{number}.png")
        lines = [",".join(str(2 * c) for c in word) + ",text" for word in WORDS]
        (tmp_path / f"gt_img_{number}.txt").write_text("\n".join(lines), encoding="utf-8")
    return Validation(photographs(read_folder(tmp_path)), SIZE)


def found(images: NDArray[np.uint8], words: int) -> Maps:
    """The maps of a network that finds the first few words of every picture."""
    quads = np.asarray(WORDS, np.float32).reshape(1, -1, 4, 2)[:, :words]
    targets = make_targets(quads, np.full((1, words), TEXT, np.int32), encode_texts(["text"] * words)[None], *SIZE)
    score, geometry = np.asarray(targets.score), np.asarray(targets.geometry)
    return Maps(np.repeat(score, len(images), 0), np.repeat(geometry, len(images), 0))


def test_scores_come_apart_by_kind(validation: Validation) -> None:
    (kind, scored), *others = validation.by_kind(
        validation.score(validation.maps(lambda images: found(images, 1)), 0.8)
    ).items()
    assert not others
    assert (kind, scored.pictures, scored.counts.words, scored.counts.matched) == ("photographs", 10, 20, 10)


@pytest.mark.parametrize(("words", "recall", "f1"), [(2, 1.0, 1.0), (1, 0.5, 2 / 3)])
def test_found_words_are_scored_by_the_protocol(validation: Validation, words: int, recall: float, f1: float) -> None:
    scores = validation.score(validation.maps(lambda images: found(images, words)), 0.8)
    assert scores.recall == recall
    assert scores.precision == 1.0
    assert scores.hmean == pytest.approx(f1)


def test_pictures_come_in_batches_of_one_shape(validation: Validation) -> None:
    seen: list[NDArray[np.uint8]] = []

    def predict(images: NDArray[np.uint8]) -> Maps:
        seen.append(images)
        return found(images, 2)

    maps = validation.maps(predict, batch=4)
    assert len(maps.score) == len(maps.geometry) == 10
    assert {images.shape for images in seen} == {(4, *SIZE, 3)}
    assert np.concatenate(seen)[:10, 0, 0, 0].tolist() == list(range(10))
