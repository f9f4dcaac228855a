"""Renders the calibration images that ship with the project.

    python tools/render_calibration.py [FOLDER]

Text is the training pictures' synthetic text, in the typefaces that come with Matplotlib; what it is put on is drawn
here, so the images are as free as the code. Ranges of activations depend on texture, light and edges at every scale
more than on what the text says: the grounds are noise like a photograph's, with things of all sizes on it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from east.runtimes.conversion.calibration import SHIPPED
from east.training.config import SceneSettings
from east.training.synth.backgrounds import Backgrounds
from east.training.synth.fonts import Fonts
from east.training.synth.scene import Material, compose
from east.training.synth.words import Vocabulary

COUNT = 24
QUALITY = 80
SEED = 2015
HEIGHT, WIDTH = 720, 1280


def main(folder: Path) -> None:
    """Writes ``01.jpg`` and so on."""
    with tempfile.TemporaryDirectory() as grounds:
        for number in range(COUNT):
            image = ground(np.random.default_rng([SEED, number]), HEIGHT, WIDTH)
            cv2.imwrite(f"{grounds}/{number:02}.png", image)
        material = Material(Fonts(), Vocabulary(), Backgrounds(grounds))
        for number in range(COUNT):
            scene = compose(SEED, number, material, SceneSettings(height=HEIGHT, width=WIDTH))
            parameters = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
            cv2.imwrite(str(folder / f"{number + 1:02}.jpg"), scene.image[..., ::-1], parameters)


def ground(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A picture without text, uint8 ``(height, width, 3)``."""
    image = _noise(rng, height, width) * rng.uniform(15, 60) + rng.uniform(50, 200) + rng.normal(0, 15, 3)
    for _ in range(int(rng.integers(4, 40))):
        image = _thing(rng, image, rng.uniform(0.02, 0.5) * width)
    corners = rng.uniform(0.6, 1.25, (2, 3)).astype(np.float32)
    light = cv2.resize(corners, (width, height), interpolation=cv2.INTER_CUBIC)
    image = image * light[..., None] + rng.normal(0, rng.uniform(0, 6), (height, width, 1))
    return np.asarray(np.clip(image, 0, 255), np.uint8)


def _noise(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency, as in photographs; zero mean, unit deviation, colours alike."""
    y, x = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    amplitude = 1 / np.maximum(np.hypot(y, x * rng.uniform(0.5, 2)), 1 / width) ** rng.uniform(0.9, 1.6)
    grey, *tints = (
        np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) * amplitude, (height, width)) for _ in range(4)
    )
    return np.stack([(grey / grey.std() + 0.15 * tint / tint.std()) for tint in tints], axis=-1)


def _thing(rng: np.random.Generator, image: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """A polygon, an ellipse, a set of bars or a grid, somewhere on the image, soft or sharp."""
    height, width = image.shape[:2]
    shape = np.zeros((height, width), np.uint8)
    centre = rng.uniform([0, 0], [width, height])
    kind = rng.integers(4)
    if kind == 0:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
        corners = centre + size / 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(shape, [corners.astype(np.int32)], (255,))
    elif kind == 1:
        axes = (int(size / 2) + 1, int(size * rng.uniform(0.1, 0.5)) + 1)
        cv2.ellipse(shape, (int(centre[0]), int(centre[1])), axes, rng.uniform(0, 180), 0, 360, (255,), -1)
    else:
        pitch = max(4, int(size * rng.uniform(0.04, 0.2)))
        bars = (np.arange(int(size)) % pitch < pitch * rng.uniform(0.2, 0.8)).astype(np.uint8) * 255
        patch = np.tile(bars, (len(bars), 1)) if kind == 2 else np.maximum(bars[:, None], bars[None])
        turn = np.asarray(cv2.getRotationMatrix2D((size / 2, size / 2), rng.uniform(0, 360), 1.0), np.float64)
        turn[:, 2] += centre - size / 2
        shape = np.asarray(cv2.warpAffine(patch, turn, (width, height)), np.uint8)
    opacity = cv2.GaussianBlur(shape, (0, 0), rng.uniform(0.3, 4)).astype(np.float64)[..., None] / 255
    colour = rng.uniform(0, 255) + rng.normal(0, rng.uniform(0, 40), 3)
    return image + (colour - image) * opacity * rng.uniform(0.3, 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
