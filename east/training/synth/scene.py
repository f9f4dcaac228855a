"""Composes a synthetic picture: a background, blocks of text in perspective, distractors, the camera."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .backgrounds import Backgrounds, Donors
from .block import Layout, bend, set_block
from .camera import photograph
from .distract import distractor
from .fonts import Fonts
from .paint import contrasting, over, paint
from .words import Vocabulary

COARSE = 4  # pixels to a cell of the map of what is taken


@dataclass(frozen=True)
class SceneSettings:
    """What synthetic pictures are like. Lengths in pixels.

    height, width: of the pictures.
    blocks: largest number of blocks of text.
    capital: median height of a block's capitals; ``spread`` is the standard deviation of its logarithm.
    smallest, largest: bounds of that height.
    real_scenes: share of pictures whose background is a training picture.
    real_words: share of pictures that also get words cut out of training pictures.
    dense: share of blocks that are notices of many small lines.
    distractors: largest number of things that look like text.
    camera: strength of what light and camera do, 0..1.
    legible: words lower than this are to be ignored.
    """

    height: int = 720
    width: int = 1280
    blocks: int = 14
    capital: float = 22.0
    spread: float = 0.55
    smallest: float = 8.0
    largest: float = 150.0
    real_scenes: float = 0.35
    real_words: float = 0.3
    dense: float = 0.15
    distractors: int = 5
    camera: float = 1.0
    legible: float = 8.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture, uint8 RGB; its words' quads, float32 ``(W, 4, 2)``; which are legible; what they say."""

    image: NDArray[np.uint8]
    quads: NDArray[np.float32]
    legible: NDArray[np.bool_]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Material:
    """What scenes are made of."""

    fonts: Fonts
    vocabulary: Vocabulary
    backgrounds: Backgrounds
    donors: Donors | None = None


def compose(seed: int, number: int, material: Material, settings: SceneSettings) -> Scene:
    """The scene of this ``number`` in the series of this ``seed``: always the same one."""
    return _Composer(np.random.default_rng([seed, number]), material, settings).compose()


class _Composer:
    def __init__(self, rng: np.random.Generator, material: Material, settings: SceneSettings) -> None:
        self.rng, self.material, self.settings = rng, material, settings
        self.quads: list[NDArray[np.float32]] = []
        self.legible: list[bool] = []
        self.texts: list[str] = []
        self.taken = np.zeros((settings.height // COARSE, settings.width // COARSE), np.uint8)
        self.image = self._background()

    def compose(self) -> Scene:
        rng, settings = self.rng, self.settings
        for _ in range(int(rng.integers(settings.distractors + 1))):
            self._add_distractor()
        if rng.random() < settings.real_words and self.material.donors is not None:
            for word in self.material.donors.words(rng, int(rng.integers(2, 9))):
                self._add_real_word(word)
        for _ in range(int(rng.integers(1, settings.blocks + 1))):
            self._add_block()
        image, smear = photograph(rng, self.image, settings.camera)
        quads = np.asarray(self.quads, np.float32).reshape(-1, 4, 2)
        heights = np.linalg.norm(quads[:, 0] - quads[:, 3], axis=1)
        legible = np.asarray(self.legible, bool) & (heights >= settings.legible + 2.5 * smear)
        return Scene(image, quads, legible, tuple(self.texts))

    def _background(self) -> NDArray[np.uint8]:
        rng, size, donors = self.rng, (self.settings.height, self.settings.width), self.material.donors
        if donors is None or rng.random() >= self.settings.real_scenes:
            image, quads = self.material.backgrounds.draw(rng, *size)
            legible = np.zeros(len(quads), bool)
        else:
            image, quads, legible = donors.scene(rng, *size)
        for quad, readable in zip(quads, legible, strict=True):
            self._keep(quad, bool(readable), "")
            cv2.fillConvexPoly(self.taken, np.round(quad / COARSE).astype(np.int32), (1,))
        return image

    def _add_block(self) -> None:
        rng = self.rng
        dense = rng.random() < self.settings.dense
        median = 11.0 if dense else self.settings.capital
        capital = float(np.clip(median * math.exp(rng.normal(0, self.settings.spread / (2 if dense else 1))),
                                self.settings.smallest, self.settings.largest))  # fmt: skip
        lines = int(rng.integers(4, 13)) if dense else int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1]))
        fits = max(1, int(self.settings.width * 0.8 / (4 * capital)))
        layout = Layout(
            capital=capital,
            lines=lines,
            words=min(
                fits, int(rng.integers(2, 8)) if dense else int(rng.choice([1, 2, 3, 4], p=[0.4, 0.3, 0.2, 0.1]))
            ),
            margin=rng.uniform(0.2, 1.2),
            leading=rng.uniform(1.35, 2.1),
            word_space=rng.uniform(0.4, 0.9),
            tracking=rng.uniform(0.05, 0.4) if rng.random() < 0.15 else 0.0,
            align=float(rng.choice([0.0, 0.5, 1.0], p=[0.5, 0.4, 0.1])),
        )
        block = set_block(rng, self.material.fonts.draw(rng), self.material.vocabulary, layout)
        if block is None:
            return
        if lines <= 2 and rng.random() < 0.08:
            block = bend(rng, block)
        matrix = self._place(block.ink.shape)
        if matrix is None:
            return
        surface, roughness = self._surface(block.ink.shape, matrix)
        layer = paint(rng, block, surface, roughness)
        if rng.random() < 0.6:  # lettering is seldom as crisp as it is drawn
            layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.3, 0.6 + 0.05 * capital))  # type: ignore[assignment]
        self._lay(layer, matrix)
        placed = cv2.perspectiveTransform(block.quads.reshape(1, -1, 2), matrix).reshape(-1, 4, 2)
        for quad, text in zip(placed, block.texts, strict=True):
            self._keep(quad.astype(np.float32), True, text)

    def _add_real_word(self, word: NDArray[np.float32]) -> None:
        height, width = word.shape[:2]
        matrix = self._place((height, width), scale=float(self.rng.uniform(0.6, 1.4)))
        if matrix is None:
            return
        pad = height / 12
        corners = [(pad, pad), (width - pad, pad), (width - pad, height - pad), (pad, height - pad)]
        quad = cv2.perspectiveTransform(np.asarray([corners], np.float32), matrix)[0]
        word[..., :3] = np.clip(word[..., :3] * self.rng.normal(1, 0.1, size=3) + self.rng.normal(0, 8), 0, 255)
        self._lay(word, matrix)
        self._keep(quad.astype(np.float32), True, "")

    def _add_distractor(self) -> None:
        ink = distractor(self.rng, float(np.exp(self.rng.normal(3.3, 0.5))))
        matrix = self._place(ink.shape)
        if matrix is None:
            return
        surface, _ = self._surface(ink.shape, matrix)
        layer = np.zeros((*ink.shape, 4), np.float32)
        over(layer, contrasting(self.rng, surface, least=40), ink.astype(np.float32) / 255)
        self._lay(layer, matrix)

    def _place(self, shape: tuple[int, ...], scale: float = 1.0, tries: int = 6) -> NDArray[np.float64] | None:
        """A homography from a plane of this shape onto a free part of the picture; None when none was found."""
        height, width = shape[0] * scale, shape[1] * scale
        plane = np.asarray([(0, 0), (shape[1], 0), (shape[1], shape[0]), (0, shape[0])], np.float32)
        for _ in range(tries):
            quad = self._stand(height, width)
            low, high = quad.min(axis=0), quad.max(axis=0)
            room = np.asarray([self.settings.width, self.settings.height]) - (high - low)
            if (room < 8).any():
                height, width = height * 0.8, width * 0.8
                continue
            quad += (4 - low + self.rng.uniform(size=2) * (room - 8)).astype(np.float32)
            cells = np.zeros_like(self.taken)
            cv2.fillConvexPoly(cells, np.round(quad / COARSE).astype(np.int32), (1,))
            if (cells & self.taken).any():
                continue
            self.taken |= cells
            return np.asarray(cv2.getPerspectiveTransform(plane, quad))
        return None

    def _stand(self, height: float, width: float) -> NDArray[np.float32]:
        """A rectangle of this size around the origin, seen askew and turned."""
        rng = self.rng
        quad = np.asarray([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32) * (width / 2, height / 2)
        if rng.random() < 0.5:  # turned away: narrower, and smaller at the far end
            quad[:, 0] *= rng.uniform(0.65, 1.0)
            taper = rng.normal(0, 0.1)
            quad[:, 1] *= np.clip(1 + taper * np.sign(quad[:, 0]), 0.6, 1.4)
        if rng.random() < 0.3:
            quad[:, 1] += quad[:, 0] * rng.normal(0, 0.12)
        if rng.random() < 0.15:
            quad[:, 0] += quad[:, 1] * rng.normal(0, 0.2)
        angle = math.radians(rng.uniform(-35, 35) if rng.random() < 0.2 else rng.normal(0, 6))
        turn = np.asarray([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        return np.asarray(quad @ turn, np.float32)

    def _surface(self, shape: tuple[int, ...], matrix: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
        """Mean colour, and the deviation of the levels, where a plane will lie."""
        plane = np.asarray([[(0, 0), (shape[1], 0), (shape[1], shape[0]), (0, shape[0])]], np.float32)
        x, y, width, height = cv2.boundingRect(cv2.perspectiveTransform(plane, matrix))
        patch = self.image[max(y, 0) : y + height, max(x, 0) : x + width].reshape(-1, 3).astype(np.float32)
        return patch.mean(axis=0), float(patch.mean(axis=1).std())

    def _lay(self, layer: NDArray[np.float32], matrix: NDArray[np.float64]) -> None:
        """Warps an RGBA layer onto the picture."""
        height, width = layer.shape[:2]
        plane = np.asarray([[(0, 0), (width, 0), (width, height), (0, height)]], np.float32)
        x, y, w, h = cv2.boundingRect(cv2.perspectiveTransform(plane, matrix))
        x, y = max(x, 0), max(y, 0)
        w, h = min(w + 1, self.settings.width - x), min(h + 1, self.settings.height - y)
        move = np.asarray([[1, 0, -x], [0, 1, -y], [0, 0, 1]], np.float64)
        layer = layer.copy()
        layer[..., :3] *= layer[..., 3:]  # premultiplied, so that transparent pixels lend no colour
        warped = cv2.warpPerspective(layer, move @ matrix, (w, h), flags=cv2.INTER_LINEAR)
        patch = self.image[y : y + h, x : x + w]
        patch[:] = np.clip(patch * (1 - warped[..., 3:]) + warped[..., :3], 0, 255).astype(np.uint8)

    def _keep(self, quad: NDArray[np.float32], legible: bool, text: str) -> None:
        self.quads.append(quad)
        self.legible.append(legible)
        self.texts.append(text)
