"""Photographs seen from nearer and turned, with their words: kinds that a benchmark has too few of."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...icdar import GroundTruth
from ...images.decoding import load_image
from ...types import FILL
from ..data.dataset import Example
from .cases import Case, truth_in_window
from .drawn import HEIGHT, PAGE, WIDTH

VIEWS = {
    "photographs, 2x": (2.0, 0.0),
    "photographs, 3x": (3.0, 0.0),
    "photographs, turned by 30 degrees": (1.0, 30.0),
    "photographs, turned by -30 degrees": (1.0, -30.0),
    "photographs, turned by 90 degrees": (1.0, 90.0),
}
"""Magnification, and degrees clockwise."""


def views(examples: Sequence[Example], count: int) -> Iterator[Case]:
    """Shows ``count`` of the pictures with words, evenly spread, in each way; all where there are fewer.

    Each is a window around the picture's middle word. A word that the window cuts does not count.
    """
    legible = [example for example in examples if example.legible.any()]
    chosen = [legible[len(legible) * number // count] for number in range(min(count, len(legible)))]
    for example in chosen:
        image = load_image(example.image)
        words = np.flatnonzero(example.legible)
        centre = example.quads[words[len(words) // 2]].mean(axis=0)
        for kind, (zoom, degrees) in VIEWS.items():
            yield Case(kind, *_window(image, example, centre, zoom, degrees))


def _window(
    image: NDArray[np.uint8], example: Example, centre: NDArray[np.float32], zoom: float, degrees: float
) -> tuple[NDArray[np.uint8], GroundTruth]:
    angle = math.radians(degrees)
    matrix = zoom * np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    move = np.array([WIDTH / 2, HEIGHT / 2]) - matrix @ centre
    seen = cv2.warpAffine(image, np.c_[matrix, move], (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderValue=FILL)
    quads = (example.quads @ matrix.T + move).astype(np.float32)
    return np.asarray(seen, np.uint8), truth_in_window(quads, example.texts, example.legible, PAGE)
