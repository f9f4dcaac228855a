from __future__ import annotations

from dataclasses import replace

import pytest

from east.training.config import Augmentation, Config, Recipe, SceneSettings, override
from east.training.presets import smoke


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (Config("odd", recipe=Recipe(Augmentation(crop=100))), "multiples of 32, not a crop of 100"),
        (Config("odd", evaluation=(720, 1280)), "an evaluation at 720x1280"),
        (Config("odd", synthetic=60), "synthetic is a share, 0..1, got 60"),
        (Config("odd", batch=1, synthetic=0.5), "of a batch of 1, 0.5 synthetic is 0 views: give a larger batch"),
        (Config("odd", batch=2, synthetic=0.9), "of a batch of 2, 0.9 synthetic is 2 views: give a larger batch"),
        (Config("odd", pool_size=100, refresh_size=16), r"pool_size \(100\) must be a multiple of refresh_size \(16\)"),
        (Config("odd", scenes=SceneSettings(height=480)), r"scenes \(480x1280\) the size of the canvas \(720x1280\)"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(config: Config, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"configuration odd: .*{complaint}"):
        config.check()


def test_the_learning_rate_rises_then_falls() -> None:
    config = Config("any", steps=100, warmup=10, learning_rate=1e-3, final=0.01)
    rates = [config.learning_rate_at(step) for step in range(100)]
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == rates[10] == pytest.approx(1e-3)
    assert config.learning_rate_at(100) == pytest.approx(1e-5)


def test_averaging_forgets_the_beginning() -> None:
    config = replace(Config("any"), ema_decay=0.99)
    assert config.ema_decay_at(0) == pytest.approx(0.1)
    assert config.ema_decay_at(10_000) == 0.99


def test_settings_are_changed_by_name_and_keep_their_type() -> None:
    settings = ["steps=7", "recipe.augmentation.zoom=0.5,2", "recipe.trainable_batch_norm=true", "recipe.loss.angle=3"]
    config = override(smoke(), [*settings, "initial=mine.npz", "synthetic=1"])
    assert config.steps == 7
    assert config.recipe.augmentation.zoom == (0.5, 2.0)
    assert config.recipe.trainable_batch_norm is True
    assert config.recipe.loss.angle == 3.0
    assert config.initial == "mine.npz"
    assert isinstance(config.synthetic, float)
    assert config.recipe.augmentation.crop == smoke().recipe.augmentation.crop


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("stepz=7", "--set stepz=7: there is no 'stepz', only backbone_only, batch, "),
        ("recipe.speed=7", "there is no 'speed', only augmentation, "),
        ("recipe=7", "name a part of 'recipe', like recipe.augmentation"),
        ("steps.more=7", "'steps' has no parts"),
        ("steps=many", "--set steps=many: expected something like 100"),
        ("steps", "--set steps: expected something like 100"),
        ("recipe.augmentation.zoom=2", "expected something like 0.8,1.2"),
        ("reset_heads=perhaps", "expected something like True"),
    ],
)
def test_what_does_not_fit_is_named(setting: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace(".", r"\.")):
        override(smoke(), [setting])
