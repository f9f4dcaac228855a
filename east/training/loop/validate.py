"""F1 during training, with the decoder and the protocol that results are reported with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...icdar import Detected, GroundTruth
from ...images.decoding import load_image
from ...images.sizing import resize, to_image_frame
from ...metrics import score
from ...postprocess import extract_boxes, select_candidates
from ...types import Maps, Size, Thresholds
from ..data.dataset import Example

SHORTEST = 5.0  # pixels; boxes with a shorter side are not reported

Predict = Callable[[NDArray[np.uint8]], Maps]


@dataclass(frozen=True)
class Scores:
    """Recall, precision and their harmonic mean over a set of pictures, 0..1."""

    recall: float
    precision: float
    f1: float


class Validation:
    """A set of pictures to score the network on."""

    def __init__(self, examples: Sequence[Example], size: tuple[int, int]) -> None:
        """Reads the pictures.

        Args:
            examples: the pictures, with their words.
            size: height and width at which the network sees them.
        """
        self._size = Size(*size)
        images = [load_image(example.image) for example in examples]
        self._sizes = [Size(*image.shape[:2]) for image in images]
        self._images = np.stack([resize(image, self._size) for image in images])
        self._truths = {
            example.image.stem: GroundTruth(np.rint(example.quads).astype(np.int32), example.texts)
            for example in examples
        }

    def maps(self, predict: Predict, batch: int = 8) -> Maps:
        """What the network says about all of them; the last batch is filled up, so that all are of one shape."""
        count, parts = len(self._images), []
        for start in range(0, count, batch):
            images = self._images[start : start + batch]
            filling = np.zeros((batch - len(images), *images.shape[1:]), np.uint8)
            parts.append(predict(np.concatenate([images, filling])))
        score, geometry = (np.concatenate(arrays)[:count] for arrays in zip(*parts, strict=True))
        return Maps(score, geometry)

    def score(self, maps: Maps, threshold: float) -> Scores:
        """Scores the boxes in ``maps`` at a score threshold."""
        detected = {}
        thresholds = Thresholds(score=threshold)
        for name, score_map, geometry, size in zip(self._truths, *maps, self._sizes, strict=True):
            quads, _ = extract_boxes(select_candidates(score_map, geometry, threshold), thresholds.nms, thresholds.box)
            quads = to_image_frame(quads, self._size, size)
            sides = np.linalg.norm(np.roll(quads, -1, axis=1) - quads, axis=2)
            long_enough = sides.min(axis=1, initial=np.inf) >= SHORTEST
            detected[name] = Detected(np.rint(quads[long_enough]).astype(np.int32))
        result = score(self._truths, detected)
        return Scores(result.recall, result.precision, result.hmean)
