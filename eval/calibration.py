"""Whether scores are confidences, and the curve that makes them so: reliability, its error, and a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from east.errors import EvaluationError
from east.icdar import Detected
from east.metrics import NOTHING, Score, average_precision, counted_matches, ratio
from east.postprocess.confidence import ConfidenceCurve, logits

from .dataset import Icdar2015
from .run import Run

BINS: Final = 10
"""Bins of equal width in which confidences are compared with how many of their boxes are words."""

_FOLDS: Final = 5
_STEPS: Final = 50
_CLOSE: Final = 1e-10


@dataclass(frozen=True)
class ReliabilityBin:
    """The detections whose confidence lies between two values.

    Attributes:
        low, high: these; the confidence is at least the one and less than the other, 1 in the last bin.
        detections, matched: how many, and how many of them are words.
        confidence: their mean confidence, 0 where there are none.
    """

    low: float
    high: float
    detections: int
    matched: int
    confidence: float

    @property
    def precision(self) -> float:
        """Share that are words, 0 where there are none."""
        return ratio(self.matched, self.detections)


def reliability(detected: Mapping[str, Detected], result: Score) -> list[ReliabilityBin]:
    """How often detections are words, by their confidence, in `BINS` bins of equal width.

    Takes what was found, with confidences, by image number, and its score. Detections within don't-care words do not
    count, as for average precision.
    """
    return _binned(*counted_matches(detected, result.images))


def expected_calibration_error(bins: list[ReliabilityBin]) -> float:
    """Mean over the detections of how far their bin's confidence is from its share of words, 0..1.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
    """
    off = sum(one.detections * abs(one.confidence - one.precision) for one in bins)
    return ratio(off, sum(one.detections for one in bins))


def fit_curve(scores: NDArray[Any], right: NDArray[np.bool_]) -> ConfidenceCurve:
    """The curve under which it is likeliest that those boxes are words that are, by Newton's method.

    As in Platt (1999), the targets are not quite 0 and 1, so that few boxes, or scores that tell all of them apart,
    give no boundless certainty.

    Args:
        scores: of the boxes, 0..1, ``(M,)``.
        right: which of them are words, bool ``(M,)``.

    Raises:
        EvaluationError: all of them are, or none; or the scores tell nothing.
    """
    words, others = int(right.sum()), int((~right).sum())
    if not words or not others:
        raise EvaluationError(
            f"of {len(right)} boxes {words} are words: a curve needs some that are and some that are not, so take more "
            "images"
        )
    aims = np.where(right, (words + 1) / (words + 2), 1 / (others + 2))
    x = np.stack([logits(scores), np.ones(len(right))], axis=1)
    x[:, 0] -= (centre := float(x[:, 0].mean()))
    found = np.array([1.0, np.log(words / others)])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-x @ found))
        change = np.linalg.solve((x.T * (p * (1 - p))) @ x + _CLOSE * np.eye(2), x.T @ (aims - p))
        found += change / max(1.0, float(np.abs(change).max()))
        if np.abs(change).max() < _CLOSE:
            break
    slope, level = found.tolist()
    if slope <= 0:
        raise EvaluationError("higher scores are no likelier words here: no confidence can be made of them")
    return ConfidenceCurve(slope, level - slope * centre)


@dataclass(frozen=True)
class Fit:
    """A curve, and how good it is on images that it was not fitted on.

    Attributes:
        curve: fitted on all.
        boxes, right: how many boxes counted, and how many of them are words.
        ap: average precision of the scores, which no curve changes.
        ece: expected calibration error of confidences, those of each fifth of the images by a curve of the others.
    """

    curve: ConfidenceCurve
    boxes: int
    right: int
    ap: float
    ece: float


def fit(dataset: Icdar2015, run: Run) -> Fit:
    """Fits a curve to a run whose scores are the highest of each core.

    Raises:
        EvaluationError: see `fit_curve`.
    """
    scores, right = counted_matches(run.detected, run.score.images)
    counts = [
        len(counted_matches({key: run.detected.get(key, NOTHING)}, {key: image})[0])
        for key, image in run.score.images.items()
    ]
    fold = np.repeat(np.arange(len(counts)) % _FOLDS, counts)
    confidences = np.empty(len(scores))
    curve = fit_curve(scores, right)
    for held_out in np.unique(fold):
        mine = fold == held_out
        try:
            rest = fit_curve(scores[~mine], right[~mine])
        except EvaluationError:  # of so few images there is nothing to hold out
            rest = curve
        confidences[mine] = rest(scores[mine].astype(np.float32))
    error = expected_calibration_error(_binned(confidences, right))
    return Fit(curve, len(right), int(right.sum()), average_precision(scores, right, run.score.counts.words), error)


def _binned(confidences: NDArray[Any], matched: NDArray[np.bool_]) -> list[ReliabilityBin]:
    bins = np.clip((np.asarray(confidences, np.float64) * BINS).astype(np.int64), 0, BINS - 1)
    counts, words = np.bincount(bins, minlength=BINS), np.bincount(bins, matched, BINS)
    sums: NDArray[Any] = np.bincount(bins, confidences, BINS)
    means = ratio(sums, counts.astype(np.float64))
    return [
        ReliabilityBin(k / BINS, (k + 1) / BINS, int(counts[k]), int(words[k]), float(means[k])) for k in range(BINS)
    ]
