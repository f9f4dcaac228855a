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
    """What changed in image number ``key`` from A to B.

    Indices of the words that only A found and that only B found, and how many false alarms A and B made.
    """

    key: str
    lost: tuple[int, ...]
    gained: tuple[int, ...]
    false_alarms: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The scores of two runs, the percentile interval of `difference` under resampling of the images, and what changed.

    ``changes`` are the images in which something changed, most changes first.
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
    """Scores what A and B found, by image number, and compares them image by image; the rest is for `bootstrap`."""
    before, after = score(truths, a), score(truths, b)
    interval = bootstrap(_counts(before), _counts(after), confidence, resamples, seed)
    changes = [_change(key, before.images[key], after.images[key]) for key in truths]
    return Comparison(before, after, interval, tuple(sorted(filter(_size, changes), key=_size, reverse=True)))


def bootstrap(
    a: NDArray[np.int64], b: NDArray[np.int64], confidence: float, resamples: int, seed: int
) -> tuple[float, float]:
    """Paired bootstrap over images: both runs are scored on the same resampled images each time.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), section 13.3. Takes matches, words and detections
    per image, int64 ``(N, 3)``, of both runs, and gives the percentile interval of F1 of ``b`` minus F1 of ``a`` that
    has this confidence, 0..1.
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
