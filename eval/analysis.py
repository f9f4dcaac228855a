"""What a score is made of: by threshold, by word height, by orientation; and how fast it was had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from east.geometry import angles, heights
from east.icdar import Detected, GroundTruth
from east.metrics import NOTHING, Counts, Score, harmonic_mean, match

from .journal import Record

_THRESHOLDS = 101
_HEIGHTS = (0.0, 10.0, 15.0, 20.0, 30.0, 50.0, np.inf)
_ANGLES = (0.0, 5.0, 15.0, 30.0, 60.0, 180.0)


@dataclass(frozen=True)
class Point:
    """Recall, precision and their harmonic mean at one setting."""

    threshold: float
    recall: float
    precision: float
    hmean: float


@dataclass(frozen=True)
class Group:
    """Words of one kind, and the detections that are such words or were taken for such."""

    label: str
    words: int
    found: int
    detections: int

    @property
    def recall(self) -> float:
        """Share of the group's words that were found."""
        return self.found / self.words if self.words else 0.0

    @property
    def precision(self) -> float:
        """Share of the group's detections that are words."""
        return self.found / self.detections if self.detections else 0.0

    @property
    def hmean(self) -> float:
        """Harmonic mean of the two."""
        return harmonic_mean(self.recall, self.precision)


@dataclass(frozen=True)
class Latency:
    """Milliseconds per image."""

    mean: float
    median: float
    p90: float
    p99: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Latency:
        """Of at least one image."""
        array = np.fromiter(values, np.float64)
        return cls(float(array.mean()), *(float(value) for value in np.percentile(array, (50, 90, 99))))


@dataclass(frozen=True)
class Speed:
    """Of one run, from what was recorded of every image.

    network: the network alone, pixels in, candidates out.
    end_to_end: from one image's boxes to the next one's, decoding overlapped.
    """

    network: Latency
    end_to_end: Latency

    @property
    def network_fps(self) -> float:
        """Images per second of the network alone."""
        return 1e3 / self.network.mean

    @property
    def end_to_end_fps(self) -> float:
        """Images per second from files to boxes."""
        return 1e3 / self.end_to_end.mean


def speed(records: Mapping[str, Record]) -> Speed:
    """Speed of a run of at least one image."""
    return Speed(
        Latency.of(record.network for record in records.values()),
        Latency.of(record.wall for record in records.values()),
    )


def threshold_sweep(detected: Mapping[str, Detected], result: Score) -> list[Point]:
    """Scores the detections at or above every confidence threshold from 0 to 1 in steps of 1/100.

    detected: with confidences. result: their score. Matching is done anew at every threshold.
    """
    thresholds = np.linspace(0.0, 1.0, _THRESHOLDS)
    totals = np.zeros((_THRESHOLDS, 3), np.int64)
    for key, image in result.images.items():
        found, overlaps = detected.get(key, NOTHING), image.overlaps
        confidences = np.empty(0) if found.confidences is None else found.confidences
        kept = np.searchsorted(-confidences, -thresholds, side="right")
        for number in np.unique(kept):
            best = np.arange(len(confidences)) < number
            tally = (len(match(overlaps, best)), overlaps.cared.sum(), (overlaps.counted & best).sum())
            totals[kept == number] += np.array(tally, np.int64)
    points = []
    for threshold, total in zip(thresholds, totals, strict=True):
        counts = Counts(*(int(value) for value in total))
        points.append(Point(float(threshold), counts.recall, counts.precision, counts.hmean))
    return points


def precision_recall_curve(
    truths: Mapping[str, GroundTruth], detected: Mapping[str, Detected], result: Score
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision after each detection in the order of falling confidence, as average precision sees them.

    detected: with confidences. result: their score.
    Returns two float64 ``(M,)``.
    """
    confidences, hits = [], []
    for key in truths:
        found, image = detected.get(key, NOTHING), result.images[key]
        matched = {detection for _, detection in image.pairs}
        for index in set(range(len(found.quads))) - set(image.set_aside):
            confidences.append(0.0 if found.confidences is None else found.confidences[index])
            hits.append(index in matched)
    ranked = np.array(hits, np.bool_)[np.argsort(-np.array(confidences), kind="stable")].cumsum()
    return ranked / max(result.counts.words, 1), ranked / np.arange(1, len(ranked) + 1)


def by_height(truths: Mapping[str, GroundTruth], detected: Mapping[str, Detected], result: Score) -> list[Group]:
    """Groups by height in pixels, the mean of the left and right side: of the word, or of a false alarm itself."""
    labels = ["under 10", "10 to 15", "15 to 20", "20 to 30", "30 to 50", "50 and over"]
    return _groups(truths, detected, result, heights, _HEIGHTS, labels)


def by_orientation(truths: Mapping[str, GroundTruth], detected: Mapping[str, Detected], result: Score) -> list[Group]:
    """Groups by the angle in degrees from horizontal: of the word, or of a false alarm itself."""
    labels = ["under 5", "5 to 15", "15 to 30", "30 to 60", "60 and over"]
    return _groups(truths, detected, result, lambda quads: np.abs(angles(quads)), _ANGLES, labels)


def _groups(
    truths: Mapping[str, GroundTruth],
    detected: Mapping[str, Detected],
    result: Score,
    value_of: Callable[[NDArray[Any]], NDArray[np.float64]],
    edges: tuple[float, ...],
    labels: list[str],
) -> list[Group]:
    tallies = np.zeros((3, len(labels)), np.int64)
    for key, truth in truths.items():
        found, image = detected.get(key, NOTHING), result.images[key]
        alarm = np.ones(len(found.quads), np.bool_)
        alarm[[*image.set_aside, *(detection for _, detection in image.pairs)]] = False
        words = value_of(truth.quads)
        matched = words[[word for word, _ in image.pairs]]
        kinds = (words[~truth.dont_care], matched, np.concatenate([matched, value_of(found.quads)[alarm]]))
        for row, values in enumerate(kinds):
            tallies[row] += np.bincount(np.digitize(values, edges[1:-1]), minlength=len(labels))
    return [Group(label, *(int(n) for n in column)) for label, column in zip(labels, tallies.T, strict=True)]
