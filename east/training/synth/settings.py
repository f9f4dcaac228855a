"""What synthetic pictures are like."""

from __future__ import annotations

from dataclasses import dataclass


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
    blended: share of blocks, and of those things, that take on the light and the softness of the photograph.
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
    blended: float = 0.6
    camera: float = 1.0
    legible: float = 8.0
