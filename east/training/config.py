"""What a training run is: everything but the data and the machine."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .synth.settings import SceneSettings


@dataclass(frozen=True)
class Augmentation:
    """How far views stray from the picture. Angles in degrees, lengths in pixels of the view, levels of 255.

    crop: side of the square view.
    near_word: share of views centred near a legible word.
    zoom: smallest and largest magnification, drawn log-uniformly.
    aspect: standard deviation of the logarithm of width over height.
    rotation, wide_rotation: standard deviation of most rotations; the bound of the ``wide_share``'s, drawn uniformly.
    perspective: standard deviation of the change of scale from the centre to the border.
    contrast, saturation, gamma: standard deviations of logarithms.
    brightness, tint: standard deviations of what is added to all channels, to each.
    blur, noise: largest standard deviation; ``blurred`` and ``noisy`` are the shares that get any.
    smallest_word: lower words are ignored.
    visible: words with a smaller share inside the view are ignored.
    mixed: share of views into which a part of another one is pasted.
    """

    crop: int = 512
    near_word: float = 0.6
    zoom: tuple[float, float] = (0.5, 2.2)
    aspect: float = 0.12
    rotation: float = 5.0
    wide_rotation: float = 25.0
    wide_share: float = 0.2
    perspective: float = 0.05
    contrast: float = 0.22
    saturation: float = 0.35
    gamma: float = 0.15
    brightness: float = 18.0
    tint: float = 8.0
    blur: float = 1.6
    blurred: float = 0.25
    noise: float = 12.0
    noisy: float = 0.3
    smallest_word: float = 7.0
    visible: float = 0.6
    mixed: float = 0.0


@dataclass(frozen=True)
class LossWeights:
    """Shares of the terms in the sum; ``focus`` is the focal loss's gamma, ``reading`` 0 trains without letters."""

    batch_dice: float = 0.5
    image_dice: float = 0.5
    cross_entropy: float = 0.5
    overlap: float = 1.0
    angle: float = 20.0
    reading: float = 0.0
    focus: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """What one step does with its pictures.

    shrink, thinnest: see `labels.make_targets`.
    clip: bound of the gradient's norm.
    batch_norm_momentum: share of its moving averages that a step keeps.
    trainable_batch_norm: False leaves batch norm as it is, for batches too small for statistics.
    trained: only variables whose checkpoint names begin with this learn; all by default.
    dtype: Keras precision policy of the network.
    """

    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossWeights = field(default_factory=LossWeights)
    shrink: float = 0.3
    thinnest: float = 4.5
    weight_decay: float = 0.02
    clip: float = 5.0
    batch_norm_momentum: float = 0.95
    trainable_batch_norm: bool = True
    trained: str = ""
    dtype: str = "float32"


@dataclass(frozen=True)
class Config:
    """One run.

    name: of the configuration.
    recipe: what a step does.
    steps: of the optimizer. batch: pictures a step, on each device.
    learning_rate: its peak, reached after ``warmup`` steps; a cosine then leads down to ``final`` of it.
    averaging: share of the averaged weights that a step keeps, once the run is long enough.
    synthetic: share of a batch that is synthetic; 0 for none.
    scenes: what synthetic pictures are like. kept: how many are at hand, on each device. fresh: how many of them are
        replaced every ``fresh_every`` steps; ``kept`` is a multiple of it.
    canvas: height and width of the memory for a picture; larger pictures are scaled down to it.
    log_every: steps between lines of the log, which give the mean losses since the line before.
    save_every: steps between checkpoints; a multiple of ``log_every``, or a run taken up has means of its own.
    evaluate_every: steps between evaluations.
    evaluation: height and width at which the network sees pictures of the validation set.
    threshold: score threshold of the evaluation.
    initial: weights to start from, a name that `weights.resolve` knows or a path; None for fresh ones.
    fresh_heads: start with fresh output layers all the same.
    seed: of everything random.
    """

    name: str
    recipe: Recipe = field(default_factory=Recipe)
    steps: int = 20_000
    batch: int = 64
    learning_rate: float = 1.2e-3
    warmup: int = 300
    final: float = 0.01
    averaging: float = 0.999
    synthetic: float = 0.6
    scenes: SceneSettings = field(default_factory=SceneSettings)
    kept: int = 1024
    fresh: int = 16
    fresh_every: int = 4
    canvas: tuple[int, int] = (720, 1280)
    log_every: int = 20
    save_every: int = 5_000
    evaluate_every: int = 5_000
    evaluation: tuple[int, int] = (672, 1280)
    threshold: float = 0.8
    initial: str | None = None
    fresh_heads: bool = False
    seed: int = 0

    def check(self) -> None:
        """Raises: ValueError where numbers do not fit together."""
        crop = self.recipe.augmentation.crop
        if crop % 32 or any(side % 32 for side in self.evaluation):
            raise ValueError(
                f"configuration {self.name}: the network sees sides that are multiples of 32, not a crop of {crop} "
                f"and an evaluation at {self.evaluation[0]}x{self.evaluation[1]}"
            )
        if not 0 <= self.synthetic <= 1:
            raise ValueError(f"configuration {self.name}: synthetic is a share, 0..1, got {self.synthetic}")
        if self.synthetic and (self.kept % self.fresh or self.canvas != (self.scenes.height, self.scenes.width)):
            raise ValueError(
                f"configuration {self.name}: kept ({self.kept}) must be a multiple of fresh ({self.fresh}), and scenes "
                f"({self.scenes.height}x{self.scenes.width}) the size of the canvas ({self.canvas[0]}x{self.canvas[1]})"
            )

    def rate(self, step: int) -> float:
        """The learning rate of a step: a linear rise, then half a cosine (Loshchilov and Hutter, ICLR 2017)."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.learning_rate * (self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2)

    def kept_average(self, step: int) -> float:
        """Share of the averaged weights that a step keeps: less in the beginning, to forget where they came from."""
        return min(self.averaging, (1 + step) / (10 + step))
