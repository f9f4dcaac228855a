"""From what the network says about an image to its words in reading order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageError, TooManyBoxesError
from ..geometry import heights, inset
from ..images.looks import Look, turn_back
from ..images.reduction import from_reduced, to_reduced
from ..images.sizing import to_image_frame
from ..layout import reading_order
from ..options import DetectorOptions
from ..postprocess import (
    BLUR,
    HUGE,
    ConfidenceCurve,
    Turned,
    extract_boxes,
    in_their_direction,
    join,
    peaks,
    scorer,
    settle,
    straighten,
    with_huge_words,
)
from ..postprocess.scores import Scorer
from ..types import Candidates, Size

Seen: TypeAlias = tuple[Candidates, Candidates | None]
"""What the network says about an image and about its reduced copy, if there is one."""


class Sight(NamedTuple):
    """What the network says about an image.

    seen: one for each look.
    looks: how it was looked at, in each direction, upright first.
    size: of the upright image.
    """

    seen: Sequence[Seen]
    looks: Sequence[Look]
    size: Size


class Words(NamedTuple):
    """The words of an image, in reading order.

    quads: float32 ``(N, 4, 2)``, in pixels of the upright image, clockwise from each text's top-left corner.
    scores: float32 ``(N,)``.
    milliseconds: that finding them took.
    """

    quads: NDArray[np.float32]
    scores: NDArray[np.float32]
    milliseconds: float


def find_words(sight: Sight, options: DetectorOptions, curve: ConfidenceCurve | None) -> Words | ImageError:
    """Finds the words of an image.

    Args:
        sight: of the image.
        options: of the call.
        curve: from peaks to probabilities, where there is one on record for the weights.

    Returns:
        its words, or a `TooManyBoxesError` in their place.
    """
    start = time.perf_counter()
    looks = sight.looks
    score = scorer(options.scoring, curve)
    try:
        if len(looks) == 1:
            quads, scores = _words(looks[0], *sight.seen[0], options, score)
        else:
            turns = [_turned_words(look, *one, options, score) for look, one in zip(looks, sight.seen, strict=True)]
            quads, scores = in_their_direction(turns, options.score_threshold)
    except TooManyBoxesError as error:
        return error
    quads = to_image_frame(quads, looks[0].tiles.image, sight.size)
    order = [word for block in reading_order(quads) for line in block for word in line]
    return Words(quads[order], scores[order], (time.perf_counter() - start) * 1e3)


def _words(
    look: Look, whole: Candidates, reduced: Candidates | None, options: DetectorOptions, score: Scorer
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The words seen in one direction, in pixels of the image as it is turned there, and their scores, best first."""
    quads, scores = _boxes(whole, options, score)
    if reduced is None or look.reduced is None:
        return quads, scores
    huge, huge_scores = _boxes(reduced, options, score)
    huge = from_reduced(inset(huge, BLUR), look.reduced, look.tiles.image)
    return with_huge_words(quads, scores, huge, huge_scores)


def _boxes(
    candidates: Candidates, options: DetectorOptions, score: Scorer
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The words of a map, in pixels of what the network was given, and their scores, best first."""
    how = options.nms_threshold, options.box_threshold, options.max_boxes, score
    if options.scoring == "original":
        return join(*extract_boxes(candidates, *how), candidates.score_map)
    candidates = straighten(candidates)
    quads, scores = extract_boxes(candidates, *how)
    return join(settle(quads, candidates), scores, candidates.score_map)


def _turned_words(
    look: Look, whole: Candidates, reduced: Candidates | None, options: DetectorOptions, score: Scorer
) -> Turned:
    """Likewise, turned back, and with what tells of their direction."""
    quads, scores = _words(look, whole, reduced, options, score)
    highest = peaks(whole.score_map, quads)
    if reduced is not None and look.reduced is not None:
        from_afar = peaks(reduced.score_map, to_reduced(quads, look.reduced, look.tiles.image))
        highest = np.where(heights(quads) >= HUGE, np.maximum(highest, from_afar), highest)
    return Turned(turn_back(quads, look), scores, highest)
