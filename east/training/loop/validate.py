"""F1 during training, with the decoder and the protocol that results are reported with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...images.sizing import resize, to_image_frame
from ...options import DEFAULTS
from ...postprocess import extract_boxes, select_candidates
from ...types import Maps, Size
from ..validation import cases
from ..validation.cases import Case, KindScore


class Validation:
    """A set of pictures to score the network on."""

    def __init__(self, pictures: Sequence[Case], size: tuple[int, int]) -> None:
        """Takes the pictures; the network sees them at ``size``, height and width."""
        self._size = Size(*size)
        self._cases = pictures
        self._images = np.stack([resize(case.image, self._size) for case in pictures])

    def maps(self, predict: Callable[[NDArray[np.uint8]], Maps], batch: int = 8) -> Maps:
        """What the network says about all of them; the last batch is filled up, so that all are of one shape."""
        count, parts = len(self._images), []
        for start in range(0, count, batch):
            images = self._images[start : start + batch]
            filling = np.zeros((batch - len(images), *images.shape[1:]), np.uint8)
            parts.append(predict(np.concatenate([images, filling])))
        score, geometry = (np.concatenate(arrays)[:count] for arrays in zip(*parts, strict=True))
        return Maps(score, geometry)

    def score(self, maps: Maps, threshold: float) -> metrics.Score:
        """Scores the boxes in ``maps`` at a score threshold."""
        detected = []
        for case, score_map, geometry in zip(self._cases, *maps, strict=True):
            candidates = select_candidates(score_map, geometry, threshold)
            quads, _ = extract_boxes(candidates, DEFAULTS.nms_threshold, DEFAULTS.box_threshold)
            quads = to_image_frame(quads, self._size, Size(*case.image.shape[:2]))
            detected.append(cases.detected(quads))
        return cases.score(self._cases, detected)

    def by_kind(self, scored: metrics.Score) -> dict[str, KindScore]:
        """What `score` gave, apart by the kinds of the pictures."""
        return cases.by_kind(self._cases, scored)
