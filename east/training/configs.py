"""The configurations, one function each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .config import Augmentation, Config, Recipe
from .synth.settings import SceneSettings


def smoke() -> Config:
    """Shows that everything works together: new output layers on the bundled backbone, small synthetic pictures.

    python -m east.training fit --config smoke --out runs/smoke

    About a minute on two CPU cores.
    """
    side = 160
    scenes = SceneSettings(
        side, side, blocks=4, capital=22, spread=0.3, smallest=14, largest=40, dense=0, distractors=0, camera=0.3
    )
    view = Augmentation(crop=96, zoom=(0.8, 1.2), rotation=2, wide_share=0, aspect=0.05, blurred=0, noisy=0)
    return Config(
        name="smoke",
        recipe=Recipe(augmentation=view, trainable_batch_norm=False, trained="feature_fusion/"),
        steps=60,
        batch=6,
        learning_rate=5e-3,
        warmup=5,
        averaging=0.9,
        synthetic=1.0,
        scenes=scenes,
        kept=32,
        fresh=8,
        fresh_every=8,
        canvas=(side, side),
        log_every=10,
        save_every=30,
        evaluate_every=60,
        evaluation=(side, side),
        threshold=0.5,
        initial="default",
        fresh_heads=True,
    )


def finetune() -> Config:
    """Adapts the bundled weights to a folder of one's own pictures, twenty or more.

    python -m east.training fit --config finetune --data MY_PICTURES --out runs/mine

    About ten minutes on two CPU cores.
    """
    view = Augmentation(crop=256, near_word=0.8, zoom=(0.7, 1.5), rotation=3, wide_share=0.05)
    return Config(
        name="finetune",
        recipe=Recipe(augmentation=view, trainable_batch_norm=False, clip=1.0),
        steps=200,
        batch=4,
        learning_rate=3e-4,
        warmup=20,
        averaging=0.98,
        synthetic=0.0,
        canvas=(1280, 1280),
        log_every=20,
        save_every=40,
        evaluate_every=100,
        initial="default",
    )


def trial() -> Config:
    """The recipe that the project began with.

    KERAS_BACKEND=jax python -m east.training fit --config trial --data ICDAR2015/train --numbers 1-800
    --validate 801-1000 --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 13 --out runs/trial

    One H200, 20 minutes.
    """
    scenes = SceneSettings(real_scenes=0.0, real_words=0.0, distractors=0, dense=0.05, blocks=8, blended=0.0)
    return Config(name="trial", recipe=Recipe(thinnest=0.0, dtype="mixed_bfloat16"), scenes=scenes)


def icdar2015() -> Config:
    """The recipe that learned fastest: for four accelerators, with more of the street in the synthetic pictures.

    KERAS_BACKEND=jax python -m east.training fit --config icdar2015 --devices 4 --initial runs/first/weights.npz
    --data ICDAR2015/train --numbers 1-800 --validate 801-1000 --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS
    --processes 56 --out runs/icdar2015

    Four H200s, 10 minutes: 2.3 million crops. On one device, use --set learning_rate=1.2e-3. The weights it starts from
    take one H200 another 4 minutes: the same without --initial, on one device, with --out runs/first --processes 13
    --set steps=3200 --set learning_rate=1.2e-3 --set synthetic=0.6 --set fresh_every=4.
    """
    view = Augmentation(zoom=(0.6, 1.6), wide_share=0.1)
    return Config(
        name="icdar2015",
        recipe=Recipe(augmentation=view, dtype="mixed_bfloat16"),
        steps=9_000,
        learning_rate=2e-3,
        averaging=0.9995,
        synthetic=0.45,
        scenes=SceneSettings(blended=0.0),
        fresh_every=8,
        save_every=1_500,
        evaluate_every=3_000,
    )


def polish() -> Config:
    """The last part of a long run: low learning rate, views as the evaluation sees them.

    KERAS_BACKEND=jax python -m east.training fit --config polish --initial runs/icdar2015/weights.npz
    --data ICDAR2015/train --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 13 --out runs/polish
    """
    view = Augmentation(
        crop=640, zoom=(0.7, 1.4), near_word=0.5, rotation=3, wide_share=0.05, aspect=0.08, perspective=0.02,
        contrast=0.12, saturation=0.2, gamma=0.08, brightness=10, tint=4, blur=0.8, noise=6,
    )  # fmt: skip
    base = icdar2015()
    return replace(
        base,
        name="polish",
        recipe=replace(base.recipe, augmentation=view, batch_norm_momentum=0.99),
        batch=32,
        steps=4_000,
        learning_rate=2e-4,
        warmup=100,
        synthetic=0.3,
    )


CONFIGS: dict[str, Callable[[], Config]] = {f.__name__: f for f in (smoke, finetune, trial, icdar2015, polish)}
