"""Composes synthetic pictures: a background, distractors, real words, blocks of text, the camera."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ...icdar import DONT_CARE, format_lines
from ..config import SceneSettings
from ..data.dataset import MOST_WORDS
from .backgrounds import Backgrounds
from .blend import Light, soften
from .block import Block, Layout, bend, set_block, set_stacks
from .camera import photograph
from .canvas import Canvas, move
from .distractors import distractor
from .donors import Donors
from .fonts import Fonts
from .paint import contrasting, over, paint
from .words import Vocabulary

GREEN, RED = (0, 255, 0), (0, 0, 255)  # BGR, as OpenCV draws


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


def write_scenes(
    folder: Path, count: int, seed: int, material: Material, settings: SceneSettings, *, draw: bool = False
) -> None:
    """Writes ``count`` scenes, ``img_<number>.jpg`` with ``gt_img_<number>.txt``; ``draw`` marks their words."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        scene = compose(seed, number, material, settings)
        picture = np.ascontiguousarray(scene.image[..., ::-1])
        if draw:
            for quad, legible in zip(scene.quads, scene.legible, strict=True):
                cv2.polylines(picture, [np.rint(quad).astype(np.int32)], True, GREEN if legible else RED, 1)
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
        (folder / f"img_{number + 1}.jpg").write_bytes(data.tobytes())
        texts = [text if legible else DONT_CARE for text, legible in zip(scene.texts, scene.legible, strict=True)]
        (folder / f"gt_img_{number + 1}.txt").write_text(format_lines(scene.quads, texts), encoding="utf-8")


class _Composer:
    def __init__(self, rng: np.random.Generator, material: Material, settings: SceneSettings) -> None:
        self.rng, self.material, self.settings = rng, material, settings
        self.quads: list[NDArray[np.float32]] = []
        self.legible: list[bool] = []
        self.texts: list[str] = []
        self.canvas = self._background()

    def compose(self) -> Scene:
        rng, settings = self.rng, self.settings
        for _ in range(int(rng.integers(settings.distractors + 1))):
            self._add_distractor()
        if rng.random() < settings.real_words and self.material.donors is not None:
            for word, text in self.material.donors.words(rng, int(rng.integers(2, 9))):
                self._add_real_word(word, text)
        if settings.headlines and rng.random() < settings.headlines:
            self._add_block(self._headline())
        if settings.pages and rng.random() < settings.pages:
            self._add_block(self._page())
        for _ in range(int(rng.integers(1, settings.blocks + 1))):
            self._add_some_block()
        image, smear = photograph(rng, self.canvas.image, settings.camera)
        quads = np.asarray(self.quads, np.float32).reshape(-1, 4, 2)
        heights = np.linalg.norm(quads[:, 0] - quads[:, 3], axis=1)
        legible = np.asarray(self.legible, bool) & (heights >= settings.legible + 2.5 * smear)
        return Scene(image, quads, legible, tuple(self.texts))

    def _background(self) -> Canvas:
        rng, size, donors = self.rng, (self.settings.height, self.settings.width), self.material.donors
        if donors is None or rng.random() >= self.settings.real_scenes:
            image, quads = self.material.backgrounds.draw(rng, *size)
            legible, texts = np.zeros(len(quads), bool), ("",) * len(quads)
        else:
            image, quads, legible, texts = donors.scene(rng, *size)
        canvas = Canvas(image)
        for quad, readable, text in zip(quads, legible, texts, strict=True):
            self._keep(quad, bool(readable), text)
            canvas.take(quad)
        return canvas

    def _add_some_block(self) -> None:
        rng, settings = self.rng, self.settings
        special = settings.long_words + settings.singles + settings.stacks
        kind = rng.random() if special else 1.0
        layout = self._layout()
        if kind < settings.long_words:
            capital, lines = min(layout.capital, 30.0), min(layout.lines, 3)
            layout = replace(layout, say="long words", capital=capital, lines=lines, words=1, tracking=0.0)
        elif kind < settings.long_words + settings.singles:
            words, space = int(rng.integers(1, 4)), layout.word_space + rng.uniform(1.0, 3.0)
            layout = replace(layout, say="single characters", lines=1, words=words, word_space=space, icons=0.0)
        elif kind < special:
            self._add_block(replace(layout, words=int(rng.integers(1, 4))), set_stacks)
            return
        self._add_block(layout)

    def _add_block(self, layout: Layout, set_text: Callable[..., Block | None] = set_block) -> None:
        rng, canvas = self.rng, self.canvas
        block = set_text(rng, self.material.fonts.draw(rng), self.material.vocabulary, layout)
        if block is None or len(self.quads) + len(block.quads) > MOST_WORDS:
            return
        if layout.lines <= 2 and rng.random() < 0.08:
            block = bend(rng, block)
        matrix = canvas.place(rng, block.ink.shape)
        if matrix is None:
            return
        blended = self._blends()
        layer = paint(rng, block, *canvas.surface(block.ink.shape, matrix), lit=blended)
        if blended:
            layer, margin = soften(layer, rng.uniform(0.5, 0.8 + 0.05 * layout.capital))
            canvas.lay(layer, matrix @ move(-margin, -margin))
        else:
            if rng.random() < 0.6:  # lettering is seldom as crisp as it is drawn
                deviation = rng.uniform(0.3, 0.6 + 0.05 * layout.capital)
                layer = cv2.GaussianBlur(layer, (0, 0), deviation)  # type: ignore[assignment]
            canvas.lay(layer, matrix)
        for quad, text in zip(_moved(block.quads, matrix), block.texts, strict=True):
            self._keep(quad, True, text)

    def _layout(self) -> Layout:
        rng, settings = self.rng, self.settings
        dense = rng.random() < settings.dense
        median, spread = (11.0, settings.spread / 2) if dense else (settings.capital, settings.spread)
        capital = float(np.clip(median * math.exp(rng.normal(0, spread)), settings.smallest, settings.largest))
        lines = int(rng.integers(4, 13)) if dense else int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1]))
        words = int(rng.integers(2, 8)) if dense else int(rng.choice([1, 2, 3, 4], p=[0.4, 0.3, 0.2, 0.1]))
        tracking = rng.uniform(0.05, 0.6) if rng.random() < 0.2 else 0.0
        return Layout(
            capital=capital,
            lines=lines,
            words=min(words, max(1, int(settings.width * 0.8 / (4 * capital)))),
            margin=rng.uniform(0.2, 1.2),
            leading=rng.uniform(1.35, 2.1),
            word_space=rng.uniform(0.3, 0.9) + 1.5 * tracking,
            tracking=tracking,
            align=float(rng.choice([0.0, 0.5, 1.0], p=[0.5, 0.4, 0.1])),
            icons=0.0 if dense else 0.12,
        )

    def _headline(self) -> Layout:
        """A line of few large letters."""
        rng, settings = self.rng, self.settings
        low, high = 60.0, min(settings.headline, 0.7 * settings.height)
        capital = low * (high / low) ** rng.random()
        return Layout(
            capital=capital,
            lines=2 if capital < 120 and rng.random() < 0.3 else 1,
            words=2 if capital < 120 and rng.random() < 0.4 else 1,
            margin=rng.uniform(0.1, 0.4),
            leading=rng.uniform(1.2, 1.6),
            word_space=rng.uniform(0.3, 0.6),
            tracking=rng.uniform(0.03, 0.4) if rng.random() < 0.25 else 0.0,
            say="single characters" if rng.random() < 0.1 else "words",
        )

    def _page(self) -> Layout:
        """Running text in small print, close set."""
        rng = self.rng
        words = int(rng.integers(5, 11))
        return Layout(
            capital=rng.uniform(9, 18),
            lines=int(rng.integers(6, 1 + min(18, 130 // words))),
            words=words,
            margin=rng.uniform(1.0, 3.0),
            leading=rng.uniform(1.55, 2.1),
            word_space=rng.uniform(0.32, 0.5),
        )

    def _add_real_word(self, word: NDArray[np.float32], text: str) -> None:
        rng, (height, width) = self.rng, word.shape[:2]
        matrix = self.canvas.place(rng, (height, width), scale=float(rng.uniform(0.6, 1.4)))
        if matrix is None:
            return
        pad = height / 12
        corners = [(pad, pad), (width - pad, pad), (width - pad, height - pad), (pad, height - pad)]
        word[..., :3] = np.clip(word[..., :3] * rng.normal(1, 0.1, size=3) + rng.normal(0, 8), 0, 255)
        self.canvas.lay(word, matrix)
        self._keep(_moved(np.asarray([corners], np.float32), matrix)[0], True, text)

    def _add_distractor(self) -> None:
        ink = distractor(self.rng, float(np.exp(self.rng.normal(3.3, 0.5))))
        matrix = self.canvas.place(self.rng, ink.shape)
        if matrix is None:
            return
        surface, _ = self.canvas.surface(ink.shape, matrix)
        layer = np.zeros((*ink.shape, 4), np.float32)
        over(layer, contrasting(self.rng, surface, least=40), ink.astype(np.float32) / 255)
        if self._blends():
            Light.around(self.rng, surface).shine_on(layer)
            layer, margin = soften(layer, self.rng.uniform(0.5, 1.5))
            matrix = matrix @ move(-margin, -margin)
        self.canvas.lay(layer, matrix)

    def _blends(self) -> bool:
        share = self.settings.blended
        return share > 0 and self.rng.random() < share

    def _keep(self, quad: NDArray[np.float32], legible: bool, text: str) -> None:
        self.quads.append(quad)
        self.legible.append(legible)
        self.texts.append(text)


def _moved(quads: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Quads ``(N, 4, 2)`` through a homography."""
    moved = cv2.perspectiveTransform(quads.reshape(1, -1, 2), matrix).reshape(-1, 4, 2)
    return np.asarray(moved, np.float32)
