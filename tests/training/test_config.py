from __future__ import annotations

from dataclasses import replace

import pytest

from east.training.config import Augmentation, Config, Recipe
from east.training.configs import CONFIGS
from east.training.synth.settings import SceneSettings


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_fit_together_and_know_their_names(name: str) -> None:
    config = CONFIGS[name]()
    config.check()
    assert config.name == name


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (Config("odd", recipe=Recipe(Augmentation(crop=100))), "multiples of 32, not a crop of 100"),
        (Config("odd", evaluation=(720, 1280)), "an evaluation at 720x1280"),
        (Config("odd", synthetic=60), "synthetic is a share, 0..1, got 60"),
        (Config("odd", kept=100, fresh=16), r"kept \(100\) must be a multiple of fresh \(16\)"),
        (Config("odd", scenes=SceneSettings(height=480)), r"scenes \(480x1280\) the size of the canvas \(720x1280\)"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(config: Config, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"configuration odd: .*{complaint}"):
        config.check()


def test_the_learning_rate_rises_then_falls() -> None:
    config = Config("any", steps=100, warmup=10, learning_rate=1e-3, final=0.01)
    rates = [config.rate(step) for step in range(100)]
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert max(rates) == rates[10] == pytest.approx(1e-3)
    assert config.rate(100) == pytest.approx(1e-5)


def test_averaging_forgets_the_beginning() -> None:
    config = replace(Config("any"), averaging=0.99)
    assert config.kept_average(0) == pytest.approx(0.1)
    assert config.kept_average(10_000) == 0.99
