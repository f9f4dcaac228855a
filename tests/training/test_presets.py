from __future__ import annotations

import pytest

from east.training.presets import CONFIGS


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_fit_together_and_know_their_names(name: str) -> None:
    config = CONFIGS[name]()
    config.check()
    assert config.name == name
