"""What a training run is: everything but the data and the machine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..options import DEFAULTS, EVALUATION_SIZE


@dataclass(frozen=True)
class Augmentation:
    """How views are drawn from pictures. Angles in degrees, lengths in pixels of the view, levels of 255.

    Attributes:
        crop: side of the square view.
        near_word: share of views centred near a legible word.
        zoom: smallest and largest magnification, drawn log-uniformly.
        close: share of views drawn so that a word is seen at a given height, to have large words.
        close_height: smallest and largest such height, drawn log-uniformly; a word as long as the view is seen whole.
        closest: largest magnification of those views.
        aspect: standard deviation of the logarithm of width over height.
        rotation: standard deviation of most rotations.
        wide_rotation: bound of the others, drawn uniformly.
        wide_share: share of those.
        perspective: standard deviation of the change of scale from the centre to the border.
        contrast, saturation, gamma: standard deviations of logarithms.
        brightness, tint: standard deviations of what is added to all channels, to each.
        blur, noise: largest standard deviation.
        blurred, noisy: shares of views that get any.
        smallest_word: lower words are ignored.
        visible: words with a smaller share inside the view are ignored.
        cutmix: share of views into which a part of another one is pasted.
    """

    crop: int = 512
    near_word: float = 0.6
    zoom: tuple[float, float] = (0.5, 2.2)
    close: float = 0.0
    close_height: tuple[float, float] = (40.0, 400.0)
    closest: float = 5.0
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
    cutmix: float = 0.0


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms in the sum; ``focus`` is the focal loss's gamma, ``reading`` 0 trains without letters.

    ``either_name``: a word turned by about 45 degrees may be said either way, see `losses.renamed`.
    """

    batch_dice: float = 0.5
    image_dice: float = 0.5
    cross_entropy: float = 0.5
    overlap: float = 1.0
    angle: float = 20.0
    reading: float = 0.0
    focus: float = 1.0
    either_name: bool = False


@dataclass(frozen=True)
class Recipe:
    """What one step does with its pictures.

    Attributes:
        shrink, min_core: see `labels.shrink_quads`.
        even_area: of a word larger than this, in square pixels, a pixel counts the less for the score, as one over the
            square root of its area; 0 to have all pixels count alike.
        weight_decay: AdamW's, on convolutions.
        clip: bound of the gradient's norm.
        batch_norm_momentum: share of its moving averages that a step keeps.
        trainable_batch_norm: False leaves batch norm as it is, for batches too small for statistics.
        trained: only variables whose checkpoint names begin with this learn; all by default.
        backbone_rate: share of the learning rate at which the backbone learns, for one that knows pictures already.
        dtype: Keras precision policy of the network.
    """

    augmentation: Augmentation = field(default_factory=Augmentation)
    loss: LossWeights = field(default_factory=LossWeights)
    shrink: float = 0.3
    min_core: float = 4.5
    even_area: float = 0.0
    weight_decay: float = 0.02
    clip: float = 5.0
    batch_norm_momentum: float = 0.95
    trainable_batch_norm: bool = True
    trained: str = ""
    backbone_rate: float = 1.0
    dtype: str = "float32"


@dataclass(frozen=True)
class SceneSettings:
    """What synthetic pictures are like. Lengths in pixels.

    Attributes:
        height, width: of the pictures.
        blocks: largest number of blocks of text.
        capital: median height of a block's capitals.
        spread: standard deviation of that height's logarithm.
        smallest, largest: bounds of that height.
        real_scenes: share of pictures whose background is a training picture.
        real_words: share of pictures that also get words cut out of training pictures.
        dense: share of blocks that are notices of many small lines.
        headlines: share of pictures with a line of capitals up to ``headline`` high.
        headline: largest height of those.
        pages: share of pictures with a page of running text.
        long_words: share of blocks that are compounds and addresses.
        singles: share of blocks that are single letters and digits.
        stacks: share of blocks that are words whose letters stand one under the other.
        distractors: largest number of things that look like text.
        blended: share of blocks and distractors that take on the light and the softness of the photograph.
        camera: strength of what light and camera do, 0..1.
        legible: lower words are ignored.
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
    headlines: float = 0.0
    headline: float = 400.0
    pages: float = 0.0
    long_words: float = 0.0
    singles: float = 0.0
    stacks: float = 0.0
    distractors: int = 5
    blended: float = 0.6
    camera: float = 1.0
    legible: float = 8.0


@dataclass(frozen=True)
class Config:
    """One run.

    Attributes:
        steps, batch: steps of the optimizer, and the pictures of one on each device.
        learning_rate, warmup: its peak, and the steps until then.
        final: share of the peak to which a cosine then leads down.
        ema_decay: share of the averaged weights that a step keeps, once the run is long enough.
        synthetic: share of a batch that is synthetic; 0 for none.
        pool_size: how many synthetic pictures are at hand, on each device; a multiple of ``refresh_size``.
        refresh_size: how many of them are replaced at a time.
        refresh_every: steps between replacements.
        canvas: height and width of the memory for a picture; larger pictures are scaled down to it.
        log_every: steps between lines of the log, which give the mean losses since the line before.
        save_every: steps between checkpoints; a multiple of ``log_every``, or a resumed run has other means.
        evaluate_every: steps between evaluations.
        evaluation: height and width at which the network sees pictures of the validation set.
        threshold: score threshold of the evaluation.
        initial: weights to start from, a name or a path as `east.model.weights.resolve` takes it; None for random ones.
        reset_heads: start with random output layers all the same.
        backbone_only: take the backbone alone from them, which may hold no more; all else is random.
        seed: of everything random.
    """

    name: str
    recipe: Recipe = field(default_factory=Recipe)
    steps: int = 20_000
    batch: int = 64
    learning_rate: float = 1.2e-3
    warmup: int = 300
    final: float = 0.01
    ema_decay: float = 0.999
    synthetic: float = 0.6
    scenes: SceneSettings = field(default_factory=SceneSettings)
    pool_size: int = 1024
    refresh_size: int = 16
    refresh_every: int = 4
    canvas: tuple[int, int] = (720, 1280)
    log_every: int = 20
    save_every: int = 5_000
    evaluate_every: int = 5_000
    evaluation: tuple[int, int] = EVALUATION_SIZE
    threshold: float = DEFAULTS.score_threshold
    initial: str | None = None
    reset_heads: bool = False
    backbone_only: bool = False
    seed: int = 0

    def check(self) -> None:
        """Raises ``ValueError`` where numbers do not fit together."""
        crop, pool, refresh, scenes = self.recipe.augmentation.crop, self.pool_size, self.refresh_size, self.scenes
        if crop % 32 or any(side % 32 for side in self.evaluation):
            raise ValueError(
                f"configuration {self.name}: the network sees sides that are multiples of 32, not a crop of {crop} "
                f"and an evaluation at {self.evaluation[0]}x{self.evaluation[1]}"
            )
        if not 0 <= self.synthetic <= 1:
            raise ValueError(f"configuration {self.name}: synthetic is a share, 0..1, got {self.synthetic}")
        if 0 < self.synthetic < 1 and not 0 < self.synthetic_views < self.batch:
            raise ValueError(
                f"configuration {self.name}: of a batch of {self.batch}, {self.synthetic} synthetic is "
                f"{self.synthetic_views} views: give a larger batch, or synthetic=0 or synthetic=1"
            )
        if self.synthetic and (pool % refresh or self.canvas != (scenes.height, scenes.width)):
            raise ValueError(
                f"configuration {self.name}: pool_size ({pool}) must be a multiple of refresh_size ({refresh}), and "
                f"scenes ({scenes.height}x{scenes.width}) the size of the canvas ({self.canvas[0]}x{self.canvas[1]})"
            )

    @property
    def synthetic_views(self) -> int:
        """How many views of a batch are synthetic."""
        return round(self.synthetic * self.batch)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step: a linear rise, then half a cosine (Loshchilov and Hutter, ICLR 2017)."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        progress = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.learning_rate * (self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2)

    def ema_decay_at(self, step: int) -> float:
        """Share of the averaged weights that a step keeps: less in the beginning, to forget where they came from."""
        return min(self.ema_decay, (1 + step) / (10 + step))


def override(config: Config, settings: Sequence[str]) -> Config:
    """Changes settings of a configuration by name, as the command line's ``--set`` does.

    Each of them is ``NAME=VALUE``; names of nested parts are joined by dots.

    Raises:
        ValueError: for a name that is not there or a value that does not fit it.
    """
    for setting in settings:
        name, _, value = setting.partition("=")
        config = _replaced(config, name.split("."), value, setting)
    return config


def _replaced(part: Any, names: Sequence[str], value: str, setting: str) -> Any:
    name, *rest = names
    fields = sorted(field.name for field in dataclasses.fields(part))
    if name not in fields:
        raise ValueError(f"--set {setting}: there is no {name!r}, only {', '.join(fields)}")
    old = getattr(part, name)
    if dataclasses.is_dataclass(old):
        if not rest:
            raise ValueError(f"--set {setting}: name a part of {name!r}, like {name}.{dataclasses.fields(old)[0].name}")
        return dataclasses.replace(part, **{name: _replaced(old, rest, value, setting)})
    if rest:
        raise ValueError(f"--set {setting}: {name!r} has no parts")
    return dataclasses.replace(part, **{name: _parsed(value, old, setting)})


def _parsed(value: str, old: Any, setting: str) -> Any:
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(old, tuple):
            return tuple(type(o)(v) for o, v in zip(old, value.split(","), strict=True))
        return type(old)(value) if old is not None else value
    except (ValueError, KeyError):
        example = ",".join(map(str, old)) if isinstance(old, tuple) else str(old)
        raise ValueError(f"--set {setting}: expected something like {example}") from None
