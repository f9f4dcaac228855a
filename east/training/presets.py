"""The named configurations, one function each, with the command that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from .config import Augmentation, Config, LossWeights, Recipe, SceneSettings


def smoke() -> Config:
    """Shows that everything works together: new output layers on the bundled backbone, small synthetic pictures.

    east train fit --config smoke --out runs/smoke

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
        steps=100,
        batch=6,
        learning_rate=3e-3,
        warmup=20,
        ema_decay=0.95,
        synthetic=1.0,
        scenes=scenes,
        pool_size=32,
        refresh_size=8,
        refresh_every=8,
        canvas=(side, side),
        log_every=10,
        save_every=50,
        evaluate_every=100,
        evaluation=(side, side),
        threshold=0.5,
        initial="default",
        reset_heads=True,
    )


def finetune() -> Config:
    """Adapts the bundled weights to a folder of one's own pictures, twenty or more.

    east train fit --config finetune --data MY_PICTURES --out runs/mine

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
        ema_decay=0.98,
        synthetic=0.0,
        canvas=(1280, 1280),
        save_every=40,
        evaluate_every=100,
        initial="default",
    )


def icdar2015() -> Config:
    """The recipe that learned fastest, from scratch, on four accelerators.

    KERAS_BACKEND=jax python -m east.training fit --config icdar2015 --devices 4 --data ICDAR2015/train --numbers 1-800
    --validate 801-1000 --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 56 --out runs/icdar2015

    Four H200s, 9 minutes and 1 to compile: 2.0 million crops. On one device, use --set learning_rate=1.2e-3.
    """
    view = Augmentation(zoom=(0.6, 1.6), wide_share=0.1)
    return Config(
        name="icdar2015",
        recipe=Recipe(augmentation=view, weight_decay=0.04, dtype="mixed_bfloat16"),
        steps=8_000,
        learning_rate=2e-3,
        warmup=500,
        ema_decay=0.9995,
        synthetic=0.45,
        pool_size=512,
        refresh_every=8,
        log_every=100,
        save_every=4_000,
        evaluate_every=4_000,
    )


def icdar2015_regularized() -> Config:
    """Goes on from `icdar2015` with more regularization, letters to read, CutMix and larger views.

    KERAS_BACKEND=jax python -m east.training fit --config icdar2015_regularized --devices 4 --data ICDAR2015/train
    --numbers 1-800 --validate 801-1000 --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 56
    --out runs/icdar2015_regularized

    Four H200s, 14 minutes and 1 to compile: 2.2 million crops.
    """
    base = icdar2015()
    view = replace(
        base.recipe.augmentation,
        crop=640,
        rotation=6.0,
        wide_share=0.15,
        wide_rotation=35.0,
        contrast=0.3,
        saturation=0.5,
        gamma=0.22,
        brightness=22.0,
        tint=14.0,
        cutmix=0.5,
    )
    return replace(
        base,
        name="icdar2015_regularized",
        recipe=replace(base.recipe, augmentation=view, loss=LossWeights(reading=0.2), weight_decay=0.06),
        steps=13_500,
        batch=40,
        learning_rate=1.5e-3,
        synthetic=0.5,
        scenes=SceneSettings(spread=0.62),
        refresh_every=6,
        save_every=4_500,
        evaluate_every=13_500,
        initial="runs/icdar2015/weights.npz",
    )


def icdar2015_all() -> Config:
    """Goes on from `icdar2015_regularized` with all 1000 pictures, the validation split included.

    KERAS_BACKEND=jax python -m east.training fit --config icdar2015_all --devices 4 --data ICDAR2015/train
    --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 56 --out runs/icdar2015_all

    east train export runs/icdar2015_all/weights.npz --best-threshold 0.97 --temperature 2 --bundle east.npz

    Four H200s, 9 minutes and 1 to compile: 1.4 million crops.
    """
    return replace(
        icdar2015_regularized(),
        name="icdar2015_all",
        steps=8_600,
        learning_rate=1e-3,
        warmup=200,
        save_every=4_300,
        evaluate_every=8_600,
        initial="runs/icdar2015_regularized/weights.npz",
        seed=1,
    )


def icdar2015_kinds() -> Config:
    """Goes on from weights that know words, to words of every size, shape and direction.

    KERAS_BACKEND=jax python -m east.training fit --config icdar2015_kinds --devices 2 --data ICDAR2015/train
    --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 28 --out runs/icdar2015_kinds

    east train export runs/icdar2015_kinds/weights.npz --best-threshold 0.98 --temperature 2 --bundle kinds.npz
    east train mean default kinds.npz --share 0.7 --bundle east.npz

    Two H200s, 13 minutes and 1 to compile: 672 thousand views.
    """
    base = icdar2015_regularized()
    view = replace(
        base.recipe.augmentation, crop=768, wide_rotation=90.0, wide_share=0.18, close=0.2, aspect=0.15,
    )  # fmt: skip
    return replace(
        base,
        name="icdar2015_kinds",
        recipe=replace(
            base.recipe,
            augmentation=view,
            loss=replace(base.recipe.loss, either_name=True),
            weight_decay=0.05,
            even_area=12_000.0,
        ),
        steps=12_000,
        batch=28,
        learning_rate=7e-4,
        scenes=replace(base.scenes, headlines=0.4, pages=0.08, dense=0.12, long_words=0.08, singles=0.06, stacks=0.04),
        pool_size=512,
        save_every=4_000,
        evaluate_every=6_000,
        initial="default",
        seed=4,
    )


def icdar2015_pretrained() -> Config:
    """Begins with a backbone that knows ImageNet, and learns every kind of text at once.

    KERAS_BACKEND=jax python -m east.training fit --config icdar2015_pretrained --devices 4 --data ICDAR2015/train
    --numbers 1-800 --validate 801-1000 --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 56
    --initial resnet50.npz --out runs/icdar2015_pretrained

    Four H200s, 14 minutes and 3 to compile: 1.8 million views.
    """
    base = icdar2015_kinds()
    view = replace(base.recipe.augmentation, crop=640, wide_share=0.15, close=0.12)
    return replace(
        base,
        name="icdar2015_pretrained",
        recipe=replace(base.recipe, augmentation=view, backbone_rate=0.2),
        steps=11_500,
        batch=40,
        learning_rate=1.2e-3,
        warmup=500,
        scenes=replace(base.scenes, headlines=0.25, pages=0.05, long_words=0.06, singles=0.04, stacks=0.03),
        initial="runs/resnet50.npz",
        backbone_only=True,
        seed=5,
    )


def icdar2015_pretrained_all() -> Config:
    """Goes on from `icdar2015_pretrained` with all 1000 pictures, the validation split included.

    KERAS_BACKEND=jax python -m east.training fit --config icdar2015_pretrained_all --devices 4 --data ICDAR2015/train
    --fonts FONTS --words WORDS --backgrounds PHOTOGRAPHS --processes 56 --out runs/icdar2015_pretrained_all

    east train export runs/icdar2015_pretrained_all/weights.npz --best-threshold 0.97 --temperature 2 --bundle east.npz

    Four H200s, 22 minutes and 2 to compile: 3.2 million views.
    """
    return replace(
        icdar2015_pretrained(),
        name="icdar2015_pretrained_all",
        steps=20_000,
        learning_rate=1e-3,
        warmup=300,
        refresh_every=8,
        save_every=5_000,
        evaluate_every=20_000,
        initial="east_resnet50_800",
        backbone_only=False,
        seed=7,
    )


CONFIGS: dict[str, Callable[[], Config]] = {
    make.__name__: make
    for make in (
        smoke,
        finetune,
        icdar2015,
        icdar2015_regularized,
        icdar2015_all,
        icdar2015_kinds,
        icdar2015_pretrained,
        icdar2015_pretrained_all,
    )
}
