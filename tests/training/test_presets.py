from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from east.model.checkpoint import read_variables
from east.model.weights import resolve
from east.training.cli import main
from east.training.loop.log import read_log
from east.training.loop.run_folder import WEIGHTS
from east.training.presets import CONFIGS


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_fit_together_and_know_their_names(name: str) -> None:
    config = CONFIGS[name]()
    config.check()
    assert config.name == name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_smoke_learns_to_find_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "smoke", "--out", str(tmp_path), "--processes", "1"]) == 0
    events = read_log(tmp_path)
    losses = [event["total"] for event in events if "total" in event]
    assert losses[-1] < 0.6 * losses[0]
    assert events[-1]["f1"] > 0.5
    assert "threshold 0.5: recall" in capsys.readouterr().err
    assert {"curves.png", "config.json"} <= {path.name for path in tmp_path.iterdir()}

    bundled, trained = read_variables(resolve("default")), read_variables(tmp_path / WEIGHTS)
    for name, value in bundled.items():
        learnt = name.startswith("feature_fusion/") and "BatchNorm" not in name
        assert np.array_equal(value, trained[name]) != learnt, name
