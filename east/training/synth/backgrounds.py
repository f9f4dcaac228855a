"""What synthetic text is put on: photographs, plain walls, and training pictures with their own text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..data import IMAGE_SUFFIXES, Example, read_ground_truth


class Backgrounds:
    """Photographs of a folder, which hold no text but what a ``gt_<name>.txt`` beside them says, which is ignored."""

    def __init__(self, folder: str | Path | None = None) -> None:
        """Reads the folder's names; None makes do with plain walls.

        Raises: FileNotFoundError for a folder without pictures.
        """
        self.paths: list[Path] = []
        if folder is None:
            return
        self.paths = sorted(p for p in Path(folder).rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
        if not self.paths:
            raise FileNotFoundError(f"{folder} has no pictures ({', '.join(IMAGE_SUFFIXES)})")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """A part of one of them, perhaps mirrored, or now and then a plain wall.

        Returns: uint8 RGB ``(height, width, 3)``, and the quads of its known text, float32 ``(W, 4, 2)``.
        """
        if not self.paths or rng.random() < 0.08:
            return wall(rng, height, width), np.zeros((0, 4, 2), np.float32)
        path = self.paths[rng.integers(len(self.paths))]
        image, quads = read_rgb(path), _known_text(path)
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


class Donors:
    """Training pictures, as backgrounds with text of their own and as givers of real words."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = list(examples)
        self.givers = [e for e in self.examples if e.legible.any()]

    def scene(
        self, rng: np.random.Generator, height: int, width: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_]]:
        """A whole training picture stretched to ``(height, width)``, its quads, and which are legible."""
        example = self.examples[rng.integers(len(self.examples))]
        image = read_rgb(example.image)
        scale = np.asarray([width / image.shape[1], height / image.shape[0]], np.float32)
        if image.shape[:2] != (height, width):
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return image.copy(), example.quads * scale, example.legible

    def words(self, rng: np.random.Generator, count: int, least: float = 12.0) -> list[NDArray[np.float32]]:
        """Up to ``count`` real words of one picture, cut out upright with a little of what surrounds them.

        Each is float32 ``(H, W, 4)``, RGB 0..255 and an opacity that fades towards the border; the word fills all but
        a tenth of the height at each end of both sides.
        """
        if not self.givers:
            return []
        example = self.givers[rng.integers(len(self.givers))]
        image, found = read_rgb(example.image), []
        for index in rng.permutation(np.flatnonzero(example.legible))[:count]:
            quad = example.quads[index]
            sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
            width, height = (sides[0] + sides[2]) / 2, (sides[1] + sides[3]) / 2
            if min(width, height) < least:
                continue
            pad = 0.1 * height
            inner = np.asarray(
                [(pad, pad), (pad + width, pad), (pad + width, pad + height), (pad, pad + height)], np.float32
            )
            size = (int(width + 2 * pad), int(height + 2 * pad))
            upright = cv2.warpPerspective(
                image, cv2.getPerspectiveTransform(quad, inner), size, flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_REPLICATE,
            )  # fmt: skip
            fade = np.zeros(size[::-1], np.float32)
            border = max(1, int(pad))
            fade[border // 2 : -border // 2 or None, border // 2 : -border // 2 or None] = 1
            soft = cv2.GaussianBlur(fade, (0, 0), border / 3)
            found.append(np.dstack([upright, soft]).astype(np.float32))
        return found


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decodes a picture, uint8 RGB; the undecoded files of a few hundred pictures are kept."""
    image = cv2.imdecode(np.frombuffer(_read(path), np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise ValueError(f"{path} is not a picture that can be decoded")
    return np.ascontiguousarray(image[..., ::-1], dtype=np.uint8)


@lru_cache(maxsize=4000)
def _known_text(path: Path) -> NDArray[np.float32]:
    truth = path.with_name(f"gt_{path.stem}.txt")
    return read_ground_truth(truth)[0] if truth.is_file() else np.zeros((0, 4, 2), np.float32)


@lru_cache(maxsize=2000)
def _read(path: Path) -> bytes:
    return path.read_bytes()
