from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from east.postprocess import decode_quads, select_candidates
from east.training.backends.losses import (
    Losses,
    geometry_losses,
    overlap_loss,
    reading_loss,
    renamed,
    training_losses,
)
from east.training.config import LossWeights
from east.training.data.labels import Targets, make_targets
from east.training.data.letters import LETTER_CLASSES, encode_texts

QUADS = np.asarray([[[[10, 20], [70, 20], [70, 44], [10, 44]], [[80, 70], [120, 70], [120, 82], [80, 82]]]], np.float32)
CODES = encode_texts(["Taxi", "no"])[None]


@pytest.fixture(scope="module")
def targets() -> Targets:
    found = make_targets(QUADS, np.asarray([[1, 2]], np.int32), CODES, 128, 128)
    return Targets(*(np.asarray(array) for array in found))


def losses_of(score: NDArray[np.float32], geometry: NDArray[np.float32], targets: Targets) -> Losses:
    found = training_losses((score[..., None], geometry), targets, LossWeights())
    return Losses(*(float(value) for value in found))


def logits_of(letters: NDArray[np.int32]) -> NDArray[np.float32]:
    """What a network says that is sure of these letters, 1 to `LETTER_CLASSES`."""
    return np.asarray(20 * np.eye(LETTER_CLASSES)[letters - 1], np.float32)


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
    empty = make_targets(QUADS, np.zeros((1, 2), np.int32), CODES, 128, 128)
    losses = losses_of(np.full((1, 32, 32), 0.5, np.float32), np.zeros((1, 32, 32, 5), np.float32), empty)
    assert math.isfinite(losses.total)
    assert losses.overlap == losses.angle == 0
    assert float(reading_loss(logits_of(np.ones((1, 32, 32), np.int32)), empty)) == 0


def test_reading_costs_nothing_for_right_letters_and_all_the_more_for_wrong_ones(targets: Targets) -> None:
    right = float(reading_loss(logits_of(targets.letters), targets))
    assert right == pytest.approx(0, abs=1e-5)
    one_wrong, all_wrong = (
        np.where(targets.letters == 1, 2, targets.letters),
        np.full_like(targets.letters, LETTER_CLASSES),
    )
    assert 1 < float(reading_loss(logits_of(one_wrong), targets)) < 19
    assert float(reading_loss(logits_of(all_wrong), targets)) == pytest.approx(20, rel=1e-3)


def test_a_network_that_knows_no_letter_pays_for_guessing_among_all(targets: Targets) -> None:
    guess = np.zeros((1, 32, 32, LETTER_CLASSES), np.float32)
    assert float(reading_loss(guess, targets)) == pytest.approx(math.log(LETTER_CLASSES), rel=1e-3)


def test_reading_between_letters_and_off_the_words_does_not_matter(targets: Targets) -> None:
    said = np.where(targets.certainty > 0, targets.letters, LETTER_CLASSES)
    assert (said != targets.letters).any()
    assert float(reading_loss(logits_of(said), targets)) == pytest.approx(0, abs=1e-5)


def test_letters_count_by_how_sure_they_are(targets: Targets) -> None:
    sure, half_sure = np.zeros_like(targets.certainty), np.zeros_like(targets.certainty)
    (row, first), (_, second) = np.argwhere(targets.certainty[0] > 0)[:2]
    sure[0, row, [first, second]] = 1, 1
    half_sure[0, row, [first, second]] = 1, 0.5
    said = targets.letters.copy()
    said[0, row, second] = LETTER_CLASSES
    logits = logits_of(said)
    assert float(reading_loss(logits, targets._replace(certainty=sure))) == pytest.approx(20 / 2, rel=1e-3)
    assert float(reading_loss(logits, targets._replace(certainty=half_sure))) == pytest.approx(20 / 3, rel=1e-3)


def test_reading_is_part_of_the_sum_by_its_weight(targets: Targets) -> None:
    outputs = targets.score[..., None], targets.geometry, logits_of(np.full_like(targets.letters, LETTER_CLASSES))
    losses = training_losses(outputs, targets, LossWeights(reading=0.2))
    assert float(losses.reading) == pytest.approx(0.2 * 20, rel=1e-3)
    assert float(losses.total) == pytest.approx(float(losses.reading), abs=1e-3)


def test_a_network_without_letters_pays_nothing_for_reading(targets: Targets) -> None:
    losses = training_losses((targets.score[..., None], targets.geometry), targets, LossWeights(reading=0.2))
    assert float(losses.reading) == 0


def turned_word(degrees: float) -> Targets:
    """The targets of two words of 60 by 20 pixels turned by so many degrees."""
    angle = math.radians(degrees)
    turn = np.asarray([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], np.float32)
    quad = np.asarray([[-30, -10], [30, -10], [30, 10], [-30, 10]], np.float32) @ turn
    quads = np.asarray([[quad + 44, quad + 84]], np.float32)
    return Targets(*map(np.asarray, make_targets(quads, np.asarray([[1, 1]], np.int32), CODES, 128, 128)))


@pytest.mark.parametrize("degrees", [-44.0, -20.0, 3.0, 43.0])
def test_renamed_rectangles_are_the_same_ones(degrees: float) -> None:
    targets = turned_word(degrees)
    other = np.asarray(renamed(targets.geometry))
    text = targets.score[0] > 0
    assert abs(abs(targets.geometry[0][text][0, 4] - other[0][text][0, 4]) - math.pi / 2) < 1e-5
    quads = [
        decode_quads(select_candidates(targets.score[0], np.asarray(maps[0]), 0.5))
        for maps in (targets.geometry, other)
    ]
    for one, two in zip(*quads, strict=True):
        distances = np.linalg.norm(one[:, None] - two[None], axis=-1)
        np.testing.assert_allclose(distances.min(axis=1), 0, atol=0.02)
    np.testing.assert_allclose(np.asarray(renamed(renamed(other))), other, atol=1e-4)


def test_a_word_near_45_degrees_may_be_said_either_way_but_by_all_its_pixels_alike() -> None:
    weights = LossWeights(either_name=True)
    targets = turned_word(44.9)
    other = np.asarray(renamed(targets.geometry))
    score = targets.score[..., None]

    def loss(geometry: NDArray[np.float32], said: LossWeights = weights) -> float:
        found = training_losses((score, geometry), targets, said)
        return float(found.overlap + found.angle)

    assert loss(other) == pytest.approx(0, abs=1e-3)
    assert loss(other, LossWeights()) > 10
    first = targets.word == targets.word[targets.score > 0][0]
    assert loss(np.where(first[..., None], other, targets.geometry)) == pytest.approx(0, abs=1e-3)  # a word each way
    every_second = np.indices(first.shape)[2] % 2 == 0
    assert loss(np.where(every_second[..., None], other, targets.geometry)) > 3


def test_a_level_word_has_one_name_only(targets: Targets) -> None:
    said = LossWeights(either_name=True)
    for geometry in (targets.geometry, targets.geometry + np.asarray([1, -1, 2, 0, 0.05], np.float32)):
        terms = (
            geometry_losses(geometry, targets.geometry, said),
            geometry_losses(geometry, renamed(targets.geometry), said),
        )
        here = targets.score > 0
        assert (np.asarray(sum(terms[0]))[here] < np.asarray(sum(terms[1]))[here]).all()


def test_pixels_of_large_words_count_less_and_of_small_ones_fully() -> None:
    quads = np.asarray([[[[4, 4], [124, 4], [124, 84], [4, 84]], [[10, 100], [50, 100], [50, 120], [10, 120]]]])
    kinds = np.asarray([[1, 1]], np.int32)
    even, plain = (
        np.asarray(make_targets(quads.astype(np.float32), kinds, CODES, 128, 128, even_area=area).counted)[0]
        for area in (2400.0, 0.0)
    )
    assert (plain == 1).all()
    assert even[10, 10] == even[2, 2] == pytest.approx(0.5)  # 120 by 80: four times that area, core and rim
    assert even[27, 7] == even[31, 31] == 1  # a small word, and the background
