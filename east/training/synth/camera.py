"""What the camera and the light do to a finished picture."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray


def photograph(
    rng: np.random.Generator, image: NDArray[np.uint8], strength: float = 1.0
) -> tuple[NDArray[np.uint8], float]:
    """Lights, blurs and compresses a picture, uint8 RGB ``(H, W, 3)``, by a share of the effects, ``strength``, 0..1.

    Returns:
        The picture, and how far it smeared points, a standard deviation in pixels.
    """
    smear = 0.0
    for chance, effect in ((0.3, uneven_light), (0.12, glare), (0.12, dim)):
        if rng.random() < chance * strength:
            image = effect(rng, image)
    for chance, blurring in ((0.1, shake), (0.25, defocus), (0.15, far_away)):
        if rng.random() < chance * strength:
            image, deviation = blurring(rng, image)
            smear = math.hypot(smear, deviation)
    if rng.random() < 0.25 * strength:
        grain = rng.normal(0, rng.uniform(2, 12), size=(*image.shape[:2], 1)).astype(np.float32)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if rng.random() < 0.6 * strength:
        quality = int(rng.integers(30, 92))
        _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], dtype=np.uint8)
    return image, smear


def uneven_light(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Light that changes slowly over the picture."""
    height, width = image.shape[:2]
    field = np.asarray(cv2.resize(rng.uniform(0.6, 1.3, size=(3, 4)), (width, height)), np.float32)
    return np.asarray(np.clip(image * field[..., None], 0, 255), np.uint8)


def glare(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A bright spot that washes out what it covers."""
    height, width = image.shape[:2]
    small = np.zeros((height // 8, width // 8), np.float32)
    centre = (int(rng.integers(small.shape[1])), int(rng.integers(small.shape[0])))
    axes = int(rng.uniform(2, 14)), int(rng.uniform(2, 14))
    cv2.ellipse(small, centre, axes, float(rng.uniform(0, 180)), 0, 360, (1.0,), -1)
    soft = cv2.GaussianBlur(small, (0, 0), rng.uniform(2, 7))
    spot = cv2.resize(soft, (width, height))[..., None] * rng.uniform(0.3, 0.8)
    return np.asarray(image + (255 - image.astype(np.float32)) * spot, np.uint8)


def dim(rng: np.random.Generator, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Too little light."""
    table = 255 * rng.uniform(0.4, 0.9) * (np.arange(256) / 255) ** rng.uniform(0.9, 1.6)
    return np.asarray(cv2.LUT(image, table.astype(np.uint8)), np.uint8)


def shake(rng: np.random.Generator, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """The camera moved: a blur along a line of 3 to 9 pixels."""
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), rng.uniform(0, 180), 1.0)
    streak = cv2.warpAffine(kernel, turn, (length, length))
    return np.asarray(cv2.filter2D(image, -1, streak / streak.sum()), np.uint8), length / math.sqrt(12)


def defocus(rng: np.random.Generator, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Out of focus by up to 2 pixels."""
    deviation = float(rng.uniform(0.4, 2.0))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), deviation), np.uint8), deviation


def far_away(rng: np.random.Generator, image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """A picture of fewer pixels, enlarged."""
    height, width = image.shape[:2]
    scale = float(rng.uniform(0.4, 0.85))
    small = cv2.resize(image, (int(width * scale), int(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8), 0.5 / scale
