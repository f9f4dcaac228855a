"""The losses that training minimises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from ...frameworks import keras
from ..config import LossWeights
from ..data.dataset import MOST_WORDS
from ..data.labels import Targets

ops = keras().ops
Tensor = Any


class Losses(NamedTuple):
    """The weighted terms of one batch, scalars."""

    score: Tensor
    overlap: Tensor
    angle: Tensor
    reading: Tensor

    @property
    def total(self) -> Tensor:
        return self.score + self.overlap + self.angle + self.reading


def training_losses(outputs: Sequence[Tensor], targets: Targets, weights: LossWeights) -> Losses:
    """Compares the network's maps with the targets of the same batch.

    The maps are score, float32 ``(B, h, w, 1)``, 0..1; geometry, float32 ``(B, h, w, 5)``, pixels and radians; and of
    a network with a letter head the letters' logits, float32 ``(B, h, w, LETTER_CLASSES)``. The geometry terms weigh
    each pixel by one over the square root of its word's area, so that small words count.
    """
    per_pixel = targets.weight / (ops.sum(targets.weight) + 1e-6)
    score, found, *letters = outputs
    overlap, angle = (loss * per_pixel for loss in geometry_losses(found, targets.geometry, weights))
    if weights.either_name:
        others = [loss * per_pixel for loss in geometry_losses(found, renamed(targets.geometry), weights)]
        better = sum_by_word(sum(others), targets.word) < sum_by_word(overlap + angle, targets.word)
        overlap, angle = ops.where(better, others[0], overlap), ops.where(better, others[1], angle)
    return Losses(
        score=score_loss(score[..., 0], targets.score, targets.counted, weights),
        overlap=ops.sum(overlap),
        angle=ops.sum(angle),
        reading=weights.reading * reading_loss(letters[0], targets) if letters else ops.zeros(()),
    )


def geometry_losses(found: Tensor, expected: Tensor, weights: LossWeights) -> tuple[Tensor, Tensor]:
    """The terms of each pixel, weighted, of geometry maps ``(B, h, w, 5)``: of the distances, of the angle."""
    overlap = overlap_loss(found[..., :4], expected[..., :4])
    return weights.overlap * overlap, weights.angle * (1 - ops.cos(found[..., 4] - expected[..., 4]))


def renamed(geometry: Tensor) -> Tensor:
    """The same rectangles turned by a quarter less, their sides renamed: geometry ``(..., 5)``, angles within ±π/2.

    The network's angles end at ±45 degrees, where a rectangle's name changes: turned by 44 degrees it is itself, by 46
    it is another one turned by -44, with its top where its right was. Between them no pixel can tell which is meant,
    and boxes of pixels that disagree have a mean that lies nowhere. So a word may be said either way, but by all its
    pixels alike; away from 45 degrees the angle's loss leaves no choice.
    """
    top, right, bottom, left, angle = ops.unstack(geometry, 5, axis=-1)
    forth = ops.stack([right, bottom, left, top, angle - math.pi / 2], axis=-1)
    back = ops.stack([left, top, right, bottom, angle + math.pi / 2], axis=-1)
    return ops.where((angle > 0)[..., None], forth, back)


def sum_by_word(values: Tensor, word: Tensor) -> Tensor:
    """At each pixel of maps ``(B, h, w)`` the sum over its word, whose number `labels.Targets.word` holds."""
    count = 2 * MOST_WORDS
    views = ops.arange(word.shape[0], dtype="int32")[:, None, None]
    number = ops.reshape(views * count + word, (-1,))
    sums = ops.segment_sum(ops.reshape(values, (-1,)), number, num_segments=word.shape[0] * count)
    return ops.reshape(ops.take(sums, number), ops.shape(values))


def score_loss(score: Tensor, expected: Tensor, counted: Tensor, weights: LossWeights) -> Tensor:
    """Dice over the batch and over each image, and focal cross-entropy (Lin et al., ICCV 2017).

    The maps are float32 ``(B, h, w)``, 0..1; ``counted`` is 0 where nothing is to be lost.
    """
    both = ops.sum(score * expected * counted, axis=(1, 2))
    either = ops.sum((score + expected) * counted, axis=(1, 2))
    batch_dice = 1 - 2 * ops.sum(both) / (ops.sum(either) + 1e-3)
    has_text = ops.cast(ops.sum(expected * counted, axis=(1, 2)) > 0, "float32")
    image_dice = ops.sum(has_text * (1 - 2 * both / (either + 1e-3))) / (ops.sum(has_text) + 1e-3)

    certain = ops.clip(score, 1e-5, 1 - 1e-5)
    right = ops.where(expected > 0.5, certain, 1 - certain)
    hard = ops.power(1 - right, weights.focus)
    pixels = ops.sum(expected * counted) + 0.02 * ops.sum(counted) + 1.0
    cross_entropy = -ops.sum(hard * ops.log(right) * counted) / pixels
    return weights.batch_dice * batch_dice + weights.image_dice * image_dice + weights.cross_entropy * cross_entropy


def reading_loss(logits: Tensor, targets: Targets) -> Tensor:
    """Cross-entropy of the letters; a pixel weighs the more, the smaller its word is and the surer its letter."""
    share = targets.weight * targets.certainty
    likely = keras().activations.log_softmax(logits)
    right = ops.take_along_axis(likely, ops.maximum(targets.letters - 1, 0)[..., None], axis=-1)[..., 0]
    return -ops.sum(right * share) / (ops.sum(share) + 1e-6)


def overlap_loss(found: Tensor, expected: Tensor) -> Tensor:
    """-log of the IoU of two rectangles that share a point and an angle (Yu et al., "UnitBox", ACM MM 2016).

    Each is the distances from the point to the top, right, bottom and left side, float32 ``(..., 4)``, in pixels.
    """
    overlap = ops.minimum(found, expected)
    common = _area(overlap)
    union = _area(found) + _area(expected) - common
    return ops.log((union + 1.0) / (common + 1.0))


def _area(distances: Tensor) -> Tensor:
    return (distances[..., 0] + distances[..., 2]) * (distances[..., 1] + distances[..., 3])
