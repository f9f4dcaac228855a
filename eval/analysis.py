"""What a score is made of: by threshold, by word height, by orientation; and how fast it was had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from east.geometry import angles, heights
from east.icdar import Detected, GroundTruth
from east.metrics import NOTHING, Counts, Score, counted_matches, match

from .journal import ImageResult

_THRESHOLDS = 101
# Labels of the bins, and what each begins with.
_HEIGHTS = {"under 10": 0, "10 to 15": 10, "15 to 20": 15, "20 to 30": 20, "30 to 50": 30, "50 and over": 50}
_ANGLES = {"under 5": 0, "5 to 15": 5, "15 to 30": 15, "30 to 60": 30, "60 and over": 60}


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
class RunSpeed:
    """Of one run.

    Attributes:
        network: alone, pixels in, candidates out.
        end_to_end: from boxes to boxes, decoding overlapped; without reading.
        reading: boxes in, texts out; nothing where nothing reads.
    """

    network: Latency
    end_to_end: Latency
    reading: Latency

    @classmethod
    def of(cls, results: Iterable[ImageResult]) -> RunSpeed:
        """Of at least one image."""
        steps = zip(*((result.network, result.wall, result.read) for result in results), strict=True)
        return cls(*map(Latency.of, steps))

    @property
    def network_fps(self) -> float:
        """Images per second of the network alone."""
        return 1e3 / self.network.mean

    @property
    def end_to_end_fps(self) -> float:
        """Images per second from files to boxes."""
        return 1e3 / self.end_to_end.mean


def threshold_sweep(detected: Mapping[str, Detected], result: Score) -> dict[float, Counts]:
    """Scores the detections at or above every confidence threshold from 0 to 1 in steps of 1/100.

    Takes what was found, with confidences, by image number, and its score; matching is done anew at every threshold.
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
    return {at: Counts(*total) for at, total in zip(thresholds.tolist(), totals.tolist(), strict=True)}


def precision_recall_curve(
    detected: Mapping[str, Detected], result: Score
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Recall and precision after each detection in the order of falling confidence, as average precision sees them.

    Takes what was found, with confidences, by image number, and its score; gives two float64 ``(M,)``.
    """
    confidences, matched = counted_matches(detected, result.images)
    found = matched[np.argsort(-confidences)].cumsum()
    return found / max(result.counts.words, 1), found / np.arange(1, len(found) + 1)


def by_height(truths: Mapping[str, GroundTruth], detected: Mapping[str, Detected], result: Score) -> dict[str, Counts]:
    """Counts by height in pixels, the mean of the left and right side: of the word, or of a false alarm itself."""
    return _binned(truths, detected, result, heights, _HEIGHTS)


def by_orientation(
    truths: Mapping[str, GroundTruth], detected: Mapping[str, Detected], result: Score
) -> dict[str, Counts]:
    """Counts by the angle in degrees from horizontal: of the word, or of a false alarm itself."""
    return _binned(truths, detected, result, lambda quads: np.abs(angles(quads)), _ANGLES)


def _binned(
    truths: Mapping[str, GroundTruth],
    detected: Mapping[str, Detected],
    result: Score,
    value_of: Callable[[NDArray[Any]], NDArray[np.float64]],
    bins: Mapping[str, float],
) -> dict[str, Counts]:
    inner_edges = list(bins.values())[1:]
    tallies = np.zeros((3, len(bins)), np.int64)
    for key, truth in truths.items():
        found, image = detected.get(key, NOTHING), result.images[key]
        alarm = np.ones(len(found.quads), np.bool_)
        alarm[[*image.set_aside, *(detection for _, detection in image.pairs)]] = False
        words = value_of(truth.quads)
        matched = words[[word for word, _ in image.pairs]]
        kinds = (matched, words[~truth.dont_care], np.concatenate([matched, value_of(found.quads)[alarm]]))
        for row, values in enumerate(kinds):
            tallies[row] += np.bincount(np.digitize(values, inner_edges), minlength=len(bins))
    return {label: Counts(*tally) for label, tally in zip(bins, tallies.T.tolist(), strict=True)}
