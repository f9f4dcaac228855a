"""The competition's evaluation of text localisation: IoU over 0.5, one to one, don't-care words set aside.

Karatzas et al., "ICDAR 2015 competition on robust reading", ICDAR 2015, section on incidental scene text,
in the form in which the Robust Reading Competition publishes it for task 4.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from .geometry import signed_areas
from .icdar import Detected, GroundTruth

IOU_CONSTRAINT = 0.5
AREA_PRECISION_CONSTRAINT = 0.5

# Integer corners often overlap by exactly a half, which is not more than a half: allow for rounding in the areas.
_ROUNDING = 1e-11

NOTHING = Detected(np.empty((0, 4, 2), np.int32))

Number = TypeVar("Number", float, NDArray[Any])


@dataclass(frozen=True, eq=False)
class Overlaps:
    """How the detections of one image lie on its words.

    Attributes:
        iou: float64 ``(N, M)``, words by detections.
        cared: bool ``(N,)``, words that count.
        counted: bool ``(M,)``, detections that do not lie in a don't-care word.
    """

    iou: NDArray[np.float64]
    cared: NDArray[np.bool_]
    counted: NDArray[np.bool_]


@dataclass(frozen=True)
class Counts:
    """The three numbers that recall and precision come from; they add up over images."""

    matched: int = 0
    words: int = 0
    detections: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.matched + other.matched, self.words + other.words, self.detections + other.detections)

    @property
    def recall(self) -> float:
        """Share of the words that were found, 0 where there are none."""
        return ratio(self.matched, self.words)

    @property
    def precision(self) -> float:
        """Share of the detections that are words, 0 where there are none."""
        return ratio(self.matched, self.detections)

    @property
    def hmean(self) -> float:
        """Harmonic mean of recall and precision, also known as F1."""
        return harmonic_mean(self.recall, self.precision)


@dataclass(frozen=True, eq=False)
class ImageScore:
    """The evaluation of one image.

    An image without words that count has recall 1, and precision 1 or 0 as nothing or something was found.

    Attributes:
        counts: what the image adds to the whole set's.
        recall, precision, hmean: 0..1.
        ap: average precision, 0..1; 0 without confidences.
        pairs: matches, as index of the word and index of the detection.
        set_aside: indices of the detections that lie in a don't-care word.
        overlaps: what all of it comes from.
    """

    counts: Counts
    recall: float
    precision: float
    hmean: float
    ap: float
    pairs: tuple[tuple[int, int], ...]
    set_aside: tuple[int, ...]
    overlaps: Overlaps


@dataclass(frozen=True, eq=False)
class Score:
    """The evaluation of a whole set of images, unrounded; ``ap`` is 0 without confidences."""

    counts: Counts
    ap: float
    images: dict[str, ImageScore]

    @property
    def recall(self) -> float:
        """Over all images together."""
        return self.counts.recall

    @property
    def precision(self) -> float:
        """Over all images together."""
        return self.counts.precision

    @property
    def hmean(self) -> float:
        """Over all images together."""
        return self.counts.hmean


def score(truths: Mapping[str, GroundTruth], detected: Mapping[str, Detected]) -> Score:
    """Evaluates what was found against the ground truth of every image, both by image number.

    The order of the truths decides ties of average precision; an image not in ``detected`` has no detections.
    """
    images = {key: score_image(truth, detected.get(key, NOTHING)) for key, truth in truths.items()}
    counts = sum((image.counts for image in images.values()), Counts())
    return Score(counts, average_precision(*counted_matches(detected, images), counts.words), images)


def score_image(truth: GroundTruth, found: Detected) -> ImageScore:
    """Evaluates one image."""
    overlaps = measure(truth, found)
    pairs = match(overlaps)
    counts = Counts(len(pairs), int(overlaps.cared.sum()), int(overlaps.counted.sum()))
    if counts.words:
        recall, precision, ap = counts.recall, counts.precision, 0.0
        if found.confidences is not None:
            ap = average_precision(found.confidences[overlaps.counted], _matched(pairs, overlaps), counts.words)
    else:
        recall = 1.0
        precision = ap = 0.0 if counts.detections else 1.0
    set_aside = tuple(int(i) for i in np.flatnonzero(~overlaps.counted))
    return ImageScore(counts, recall, precision, harmonic_mean(recall, precision), ap, pairs, set_aside, overlaps)


def measure(truth: GroundTruth, found: Detected) -> Overlaps:
    """Intersection over union of every word and detection of one image, and which of them count.

    A detection is set aside when more than half of its own area lies in one don't-care word.
    """
    inside = _intersections(truth.quads, found.quads)
    word_areas, areas = np.abs(signed_areas(truth.quads)), np.abs(signed_areas(found.quads))
    iou = ratio(inside, word_areas[:, None] + areas - inside)
    share = ratio(inside, areas)
    dont_care = truth.dont_care
    return Overlaps(iou, ~dont_care, ~(share[dont_care] > AREA_PRECISION_CONSTRAINT + _ROUNDING).any(axis=0))


def match(overlaps: Overlaps, kept: NDArray[np.bool_] | None = None) -> tuple[tuple[int, int], ...]:
    """Pairs words and detections of an image, by index: each word takes the first free detection with enough IoU.

    ``kept``, bool ``(M,)``, are the detections to consider; all when None.
    """
    free = overlaps.counted.copy() if kept is None else overlaps.counted & kept
    pairs = []
    for word in np.flatnonzero(overlaps.cared):
        candidates = np.flatnonzero(free & (overlaps.iou[word] > IOU_CONSTRAINT + _ROUNDING))
        if candidates.size:
            free[candidates[0]] = False
            pairs.append((int(word), int(candidates[0])))
    return tuple(pairs)


def counted_matches(
    detected: Mapping[str, Detected], images: Mapping[str, ImageScore]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What average precision comes from: the detections that count, of all images with confidences.

    Takes what was found and its evaluation, by image number; gives the confidence of each detection, float64 ``(M,)``,
    and whether it was matched, bool ``(M,)``.
    """
    confidences, matched = [np.empty(0)], [np.empty(0, np.bool_)]
    for key, image in images.items():
        found = detected.get(key, NOTHING)
        if found.confidences is not None:
            confidences.append(found.confidences[image.overlaps.counted])
            matched.append(_matched(image.pairs, image.overlaps))
    return np.concatenate(confidences), np.concatenate(matched)


def average_precision(confidences: NDArray[np.float64], matched: NDArray[np.bool_], words: int) -> float:
    """Mean over the words of the precision at the rank of the detection that found them.

    Args:
        confidences: float64 ``(M,)``; ties are ranked as ``numpy.argsort`` leaves them.
        matched: bool ``(M,)``, which detections are words.
        words: how many words there are to find; with none, the plain sum is returned (it is 0).
    """
    ranked = matched[np.argsort(-confidences)]
    precisions = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    total = float(precisions[ranked].cumsum()[-1]) if ranked.any() else 0.0
    return total / words if words else total


def ratio(part: Number, whole: Number) -> Number:
    """``part / whole``, of numbers or element by element, 0 where ``whole`` is 0."""
    result: Number = part * (whole != 0) / (whole + (whole == 0))
    return result


def harmonic_mean(recall: Number, precision: Number) -> Number:
    """F1, of numbers or element by element, 0 where both are 0."""
    return ratio(2 * recall * precision, recall + precision)


def figures(result: Score | ImageScore) -> dict[str, float]:
    """The figures under the names that the competition's own script gives them."""
    return {"precision": result.precision, "recall": result.recall, "hmean": result.hmean, "AP": result.ap}


def _matched(pairs: Iterable[tuple[int, int]], overlaps: Overlaps) -> NDArray[np.bool_]:
    matched = np.zeros(len(overlaps.counted), np.bool_)
    matched[[detection for _, detection in pairs]] = True
    return matched[overlaps.counted]


def _intersections(words: NDArray[np.int32], detections: NDArray[np.int32]) -> NDArray[np.float64]:
    """Area that each word shares with each detection, ``(N, M)``, by the even-odd rule where a quad crosses itself."""
    areas = np.zeros((len(words), len(detections)))
    low, high = words.min(axis=1)[:, None], words.max(axis=1)[:, None]
    other_low, other_high = detections.min(axis=1)[None], detections.max(axis=1)[None]
    rows, columns = np.nonzero(((low < other_high) & (other_low < high)).all(axis=2))
    if len(rows):
        areas[rows, columns] = shapely.area(shapely.intersection(_shapes(words)[rows], _shapes(detections)[columns]))
    return areas


def _shapes(quads: NDArray[np.int32]) -> NDArray[np.object_]:
    shapes = np.asarray(shapely.polygons(quads.astype(np.float64)))
    valid = shapely.is_valid(shapes)
    if not valid.all():
        shapes[~valid] = shapely.make_valid(shapes[~valid])
    return shapes
