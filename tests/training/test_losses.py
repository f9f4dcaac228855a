from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from east.training.config import LossWeights
from east.training.labels import Targets, make_targets
from east.training.losses import Losses, detection_losses, overlap_loss

QUADS = np.asarray([[[[10, 20], [70, 20], [70, 44], [10, 44]], [[80, 70], [120, 70], [120, 82], [80, 82]]]], np.float32)


@pytest.fixture(scope="module")
def targets() -> Targets:
    found = make_targets(QUADS, np.asarray([[1, 2]], np.int32), 128, 128)
    return Targets(*(np.asarray(array) for array in found))


def losses_of(score: NDArray[np.float32], geometry: NDArray[np.float32], targets: Targets) -> Losses:
    found = detection_losses(score[..., None], geometry, targets, LossWeights())
    return Losses(*(float(value) for value in found))


def test_the_targets_themselves_lose_next_to_nothing(targets: Targets) -> None:
    losses = losses_of(targets.score, targets.geometry, targets)
    assert losses.total == pytest.approx(0, abs=1e-3)


def test_what_the_network_says_on_an_ignored_word_does_not_matter(targets: Targets) -> None:
    score = targets.score.copy()
    score[targets.counted == 0] = 1
    assert losses_of(score, targets.geometry, targets) == pytest.approx(
        losses_of(targets.score, targets.geometry, targets), abs=1e-5
    )


def test_missing_and_invented_text_cost(targets: Targets) -> None:
    right = losses_of(targets.score, targets.geometry, targets).score
    assert losses_of(np.zeros_like(targets.score), targets.geometry, targets).score > right + 1
    assert losses_of(np.ones_like(targets.score), targets.geometry, targets).score > right + 1


def test_a_wrong_angle_costs_by_its_cosine(targets: Targets) -> None:
    geometry = targets.geometry.copy()
    geometry[..., 4] += 0.3
    assert losses_of(targets.score, geometry, targets).angle == pytest.approx(20 * (1 - math.cos(0.3)), rel=1e-3)


def test_overlap_loss_is_the_logarithm_of_the_iou() -> None:
    expected = np.asarray([10.0, 30.0, 10.0, 30.0])  # 60 by 20
    found = np.asarray([10.0, 30.0, 10.0, 0.0])  # its right half
    assert float(overlap_loss(found, expected)) == pytest.approx(math.log(1201 / 601), rel=1e-5)


def test_a_batch_without_text_has_finite_losses() -> None:
    empty = make_targets(QUADS, np.zeros((1, 2), np.int32), 128, 128)
    losses = losses_of(np.full((1, 32, 32), 0.5, np.float32), np.zeros((1, 32, 32, 5), np.float32), empty)
    assert math.isfinite(losses.total)
    assert losses.overlap == losses.angle == 0
