"""Backgrounds of synthetic text: photographs without text, and plain walls."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...files import IMAGE_SUFFIXES
from ...folders import files_below
from ...icdar import parse_ground_truth
from ...images.decoding import load_image


class Backgrounds:
    """Photographs of a folder, which hold no text but what a ``gt_<name>.txt`` beside them says, which is ignored."""

    def __init__(self, folder: str | Path | None = None, left_out: Collection[Path] = ()) -> None:
        """Lists the folder, but for those in it that are ``left_out``; None makes do with plain walls.

        Raises:
            FileNotFoundError: for a folder without pictures.
        """
        self.paths = [] if folder is None else files_below(Path(folder), IMAGE_SUFFIXES, left_out)
        if folder is not None and not self.paths:
            raise FileNotFoundError(f"{folder} has no pictures ({', '.join(sorted(IMAGE_SUFFIXES))})")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Takes a part of one of them, perhaps mirrored, or now and then a plain wall.

        Returns:
            uint8 RGB ``(height, width, 3)``, and the quads of its known text, float32 ``(W, 4, 2)``, in its pixels.
        """
        if not self.paths or rng.random() < 0.08:
            return wall(rng, height, width), np.zeros((0, 4, 2), np.float32)
        path = self.paths[rng.integers(len(self.paths))]
        image, quads = load_image(path), _known_text(path)
        scale = max(height / image.shape[0], width / image.shape[1]) * rng.uniform(1.0, 1.6)
        size = max(width, round(image.shape[1] * scale)), max(height, round(image.shape[0] * scale))
        y, x = int(rng.integers(size[1] - height + 1)), int(rng.integers(size[0] - width + 1))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        image, quads = image[y : y + height, x : x + width], quads * scale - np.asarray([x, y], np.float32)
        if rng.random() < 0.5:
            image, quads = image[:, ::-1], (np.asarray([width - 1, 0]) + quads * [-1, 1])[:, [1, 0, 3, 2]]
        return np.ascontiguousarray(image), quads.astype(np.float32)


def wall(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """Two or three colours that run into each other, a little rough."""
    colours = rng.uniform(20, 235, size=(2, 3, 3)).astype(np.float32)
    colours = colours.mean(axis=(0, 1)) + (colours - colours.mean(axis=(0, 1))) * rng.uniform(0.1, 0.6)
    image = cv2.resize(colours, (width, height))
    grain = rng.normal(0, rng.uniform(1, 10), size=(height // 2, width // 2, 1)).astype(np.float32)
    image = image + cv2.resize(grain, (width, height))[..., None]
    return np.asarray(np.clip(image, 0, 255), np.uint8)


@cache
def _known_text(path: Path) -> NDArray[np.float32]:
    truth = path.with_name(f"gt_{path.stem}.txt")
    data = truth.read_bytes() if truth.is_file() else b""
    return np.asarray(parse_ground_truth(data, str(truth), lenient=True).quads, np.float32)
