"""F1 during training, with the decoder and the protocol that results are reported with."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ... import metrics
from ...icdar import Detected, GroundTruth, reportable
from ...images.decoding import load_image
from ...images.sizing import resize, to_image_frame
from ...options import DEFAULTS
from ...postprocess import extract_boxes, select_candidates
from ...types import Maps, Size
from ..data.dataset import Example


class Validation:
    """A set of pictures to score the network on."""

    def __init__(self, examples: Sequence[Example], size: tuple[int, int]) -> None:
        """Reads the pictures; the network sees them at ``size``, height and width."""
        self._size = Size(*size)
        images = [load_image(example.image) for example in examples]
        self._sizes = [Size(*image.shape[:2]) for image in images]
        self._images = np.stack([resize(image, self._size) for image in images])
        self._truths = {
            example.image.stem: GroundTruth(np.rint(example.quads).astype(np.int32), example.texts)
            for example in examples
        }

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
        detected = {}
        for name, score_map, geometry, size in zip(self._truths, *maps, self._sizes, strict=True):
            candidates = select_candidates(score_map, geometry, threshold)
            quads, _ = extract_boxes(candidates, DEFAULTS.nms_threshold, DEFAULTS.box_threshold)
            quads = to_image_frame(quads, self._size, size)
            detected[name] = Detected(np.rint(quads[reportable(quads)]).astype(np.int32))
        return metrics.score(self._truths, detected)
