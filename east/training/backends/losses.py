"""The losses that training minimises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...frameworks import keras
from ..config import LossWeights
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
    expected = targets.geometry
    return Losses(
        score=score_loss(score[..., 0], targets.score, targets.counted, weights),
        overlap=weights.overlap * ops.sum(overlap_loss(found[..., :4], expected[..., :4]) * per_pixel),
        angle=weights.angle * ops.sum((1 - ops.cos(found[..., 4] - expected[..., 4])) * per_pixel),
        reading=weights.reading * reading_loss(letters[0], targets) if letters else ops.zeros(()),
    )


def score_loss(score: Tensor, expected: Tensor, counted: Tensor, weights: LossWeights) -> Tensor:
    """Dice over the batch and over each image, and focal cross-entropy (Lin et al., ICCV 2017).

    The maps are float32 ``(B, h, w)``, 0..1; ``counted`` is 0 where nothing is to be lost.
    """
    found, expected = score * counted, expected * counted
    both = ops.sum(found * expected, axis=(1, 2))
    either = ops.sum(found + expected, axis=(1, 2))
    batch_dice = 1 - 2 * ops.sum(both) / (ops.sum(either) + 1e-3)
    has_text = ops.cast(ops.sum(expected, axis=(1, 2)) > 0, "float32")
    image_dice = ops.sum(has_text * (1 - 2 * both / (either + 1e-3))) / (ops.sum(has_text) + 1e-3)

    certain = ops.clip(score, 1e-5, 1 - 1e-5)
    right = ops.where(expected > 0.5, certain, 1 - certain)
    hard = ops.power(1 - right, weights.focus)
    pixels = ops.sum(expected) + 0.02 * ops.sum(counted) + 1.0
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
