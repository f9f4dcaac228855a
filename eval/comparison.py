"""What changed between two runs on the same images, and whether the difference is more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from east.icdar import Detected, GroundTruth
from east.metrics import ImageScore, Score, harmonic_mean, ratio, score


@dataclass(frozen=True)
class ImageChange:
    """What changed in one image from A to B.

    Attributes:
        key: the image's number.
        lost, gained: indices of words that only A found, and that only B found.
        false_alarms: how many A made, and how many B made.
    """

    key: str
    lost: tuple[int, ...]
    gained: tuple[int, ...]
    false_alarms: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs side by side.

    Attributes:
        a, b: their scores.
        interval: percentile interval of F1 of B minus F1 of A under resampling of the images.
        changes: the images in which something changed, most changes first.
    """

    a: Score
    b: Score
    interval: tuple[float, float]
    changes: tuple[ImageChange, ...]

    @property
    def difference(self) -> float:
        """F1 of B minus F1 of A."""
        return self.b.hmean - self.a.hmean


def compare(
    truths: Mapping[str, GroundTruth],
    a: Mapping[str, Detected],
    b: Mapping[str, Detected],
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Comparison:
    """Scores both and compares them image by image.

    Args:
        truths: the ground truth of every image, by image number.
        a: what A found, by image number.
        b: what B found, by image number.
        confidence: of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    before, after = score(truths, a), score(truths, b)
    interval = bootstrap(_counts(before), _counts(after), confidence, resamples, seed)
    changes = [_change(key, before.images[key], after.images[key]) for key in truths]
    changed = [change for change in changes if change.lost or change.gained or len(set(change.false_alarms)) > 1]
    return Comparison(before, after, interval, tuple(sorted(changed, key=_size, reverse=True)))


def bootstrap(
    a: NDArray[np.int64], b: NDArray[np.int64], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Paired bootstrap over images: both runs are scored on the same resampled images each time.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3.

    Args:
        a: int64 ``(N, 3)``, matches, words and detections per image.
        b: the same of the other run.
        confidence: of the interval, 0..1.
        resamples: how many.
        seed: of the random numbers.

    Returns:
        The percentile interval of F1 of ``b`` minus F1 of ``a``.
    """
    count = len(a)
    rng = np.random.default_rng(seed)
    times_drawn = rng.multinomial(count, np.full(count, 1 / count), size=resamples)
    f1_a, f1_b = (
        harmonic_mean(ratio(matched, words), ratio(matched, detections))
        for matched, words, detections in (np.moveaxis(times_drawn @ counts, -1, 0) for counts in (a, b))
    )
    tail = 50 * (1 - confidence)
    low, high = np.percentile(f1_b - f1_a, (tail, 100 - tail))
    return float(low), float(high)


def _counts(result: Score) -> NDArray[np.int64]:
    """``(N, 3)``, in the order of the images."""
    return np.array([astuple(image.counts) for image in result.images.values()], np.int64)


def _change(key: str, a: ImageScore, b: ImageScore) -> ImageChange:
    found_a, found_b = ({word for word, _ in image.pairs} for image in (a, b))
    alarms_a, alarms_b = (image.counts.detections - image.counts.matched for image in (a, b))
    return ImageChange(key, tuple(sorted(found_a - found_b)), tuple(sorted(found_b - found_a)), (alarms_a, alarms_b))


def _size(change: ImageChange) -> int:
    return len(change.lost) + len(change.gained) + abs(change.false_alarms[1] - change.false_alarms[0])
