"""Training pictures as donors: of backgrounds for synthetic text, and of real words."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ...images.decoding import load_image
from ..data.dataset import Example


class Donors:
    """Pictures with known words."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.examples = list(examples)
        self.legible = [example for example in self.examples if example.legible.any()]

    def scene(
        self, rng: np.random.Generator, height: int, width: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.bool_], tuple[str, ...]]:
        """A whole training picture stretched to ``(height, width)``, its quads, which are legible, their texts."""
        example = self.examples[rng.integers(len(self.examples))]
        image = load_image(example.image)
        scale = np.asarray([width / image.shape[1], height / image.shape[0]], np.float32)
        if image.shape[:2] != (height, width):
            image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        return image.copy(), example.quads * scale, example.legible, example.texts

    def words(self, rng: np.random.Generator, count: int, least: float = 12.0) -> list[tuple[NDArray[np.float32], str]]:
        """Cuts up to ``count`` real words out of one picture, upright, with a little of what surrounds them.

        Words with a side shorter than ``least`` pixels are left out.

        Returns:
            For each word float32 ``(H, W, 4)``, RGB 0..255 and an opacity that fades towards the border, and what it
            says. The word fills all but a tenth of the height at each end of both sides.
        """
        if not self.legible:
            return []
        example = self.legible[rng.integers(len(self.legible))]
        image, found = load_image(example.image), []
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
            found.append((np.dstack([upright, soft]).astype(np.float32), example.texts[index]))
        return found
