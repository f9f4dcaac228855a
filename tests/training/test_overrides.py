from __future__ import annotations

import pytest

from east.training.configs import smoke
from east.training.overrides import overridden


def test_settings_are_changed_by_name_and_keep_their_type() -> None:
    settings = ["steps=7", "recipe.augmentation.zoom=0.5,2", "recipe.trainable_batch_norm=true", "recipe.loss.angle=3"]
    config = overridden(smoke(), [*settings, "initial=mine.npz", "synthetic=1"])
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
        ("stepz=7", "--set stepz=7: there is no 'stepz', only averaging, batch, "),
        ("recipe.speed=7", "there is no 'speed', only augmentation, "),
        ("recipe=7", "name a part of 'recipe', like recipe.augmentation"),
        ("steps.more=7", "'steps' has no parts"),
        ("steps=many", "--set steps=many: expected something like 150"),
        ("steps", "--set steps: expected something like 150"),
        ("recipe.augmentation.zoom=2", "expected something like 0.8,1.2"),
        ("fresh_heads=perhaps", "expected something like True"),
    ],
)
def test_what_does_not_fit_is_named(setting: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace(".", r"\.")):
        overridden(smoke(), [setting])
