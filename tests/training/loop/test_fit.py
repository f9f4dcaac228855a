"""Whole runs, tiny: the smoke configuration, and fine-tuning on own pictures, killed and taken up again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from east.errors import CheckpointError
from east.model.architecture import variable_shapes
from east.model.checkpoint import read_variables
from east.model.weights import resolve
from east.training.backends import make_trainer
from east.training.cli import main
from east.training.config import Config, LossWeights
from east.training.configs import finetune
from east.training.data.dataset import Example, read_folder
from east.training.data.packing import Bank
from east.training.data.spelling import SYMBOLS
from east.training.loop.fit import fit
from east.training.loop.log import read_log
from east.training.loop.run_folder import CHECKPOINT, WEIGHTS
from east.training.synth.backgrounds import Backgrounds
from east.training.synth.fonts import Fonts
from east.training.synth.scene import Material
from east.training.synth.settings import SceneSettings
from east.training.synth.words import Vocabulary


@pytest.mark.slow
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


class Runs(NamedTuple):
    """One run, and another that was killed behind its second step and taken up again."""

    config: Config
    examples: list[Example]
    material: Material
    whole: Path
    resumed: Path
    said: list[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, demo_images: list[Path]) -> Iterator[Runs]:
    """Fine-tuning of the bundled weights on the demo pictures, and a few synthetic ones; with letters and patches."""
    folder = tmp_path_factory.mktemp("runs")
    config = finetune()
    view = replace(config.recipe.augmentation, crop=64, mixed=0.5)
    loss = LossWeights(reading=0.2)
    recipe = replace(config.recipe, augmentation=view, loss=loss)
    config = replace(
        config, recipe=recipe, steps=4, batch=2, synthetic=0.5, kept=4, fresh=2, fresh_every=1, canvas=(192, 192),
        scenes=SceneSettings(192, 192, blocks=3), log_every=1, save_every=2,
    )  # fmt: skip
    examples, material = read_folder(demo_images[0].parent), Material(Fonts(), Vocabulary(), Backgrounds())
    whole, resumed = folder / "whole", folder / "resumed"

    def copy_as_if_killed(line: str) -> None:
        if line.startswith("step 3/"):
            shutil.copytree(whole, resumed)

    fit(config, whole, examples, material=material, say=copy_as_if_killed)
    said: list[str] = []
    fit(config, resumed, examples, material=material, say=said.append)
    yield Runs(config, examples, material, whole, resumed, said)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(runs: Runs) -> None:
    assert runs.said[1] == f"taking up {runs.resumed} after step 2"
    assert [line.split()[1] for line in runs.said[2:]] == ["3/4", "4/4"]
    whole, resumed = read_log(runs.whole), read_log(runs.resumed)
    assert [event["step"] for event in resumed] == [1, 2, 3, 4]
    for event, again in zip(whole, resumed, strict=True):
        assert {**again, "images_per_second": 0} == pytest.approx({**event, "images_per_second": 0}, rel=1e-4)
    with np.load(runs.whole / CHECKPOINT) as state, np.load(runs.resumed / CHECKPOINT) as again:
        assert state.files == again.files
        for name in state.files:  # weights, their averages, the optimizer's moments
            value = state[name]
            np.testing.assert_allclose(again[name], value, rtol=0, atol=1e-4 * np.abs(value).max(), err_msg=name)


@pytest.mark.slow
def test_reading_is_logged_and_only_a_checkpoint_holds_its_layers(runs: Runs) -> None:
    logged = [event["reading"] for event in read_log(runs.whole)]
    assert len(logged) == 4
    assert any(loss > 0 for loss in logged)
    with np.load(runs.whole / WEIGHTS) as weights, np.load(runs.whole / CHECKPOINT) as state:
        assert set(weights.files) == set(variable_shapes())
        of_the_reader = [name for name in state.files if state[name].shape == (1, 1, 64, SYMBOLS)]
        parts = [name.split("/")[0] for name in of_the_reader]
        assert sorted(parts) == ["averaged", "optimizer", "optimizer", "weights"]
        assert all(state[name].any() for name in of_the_reader)


@pytest.mark.slow
def test_fine_tuning_starts_from_the_bundled_weights_and_moves_all_but_batch_norm(runs: Runs) -> None:
    before, after = read_variables(resolve("default")), read_variables(runs.whole / WEIGHTS)
    for name, value in before.items():
        assert np.array_equal(value, after[name]) == ("BatchNorm" in name), name
        np.testing.assert_allclose(after[name], value, atol=2e-3, err_msg=name)


@pytest.mark.slow
def test_a_finished_run_is_left_alone(runs: Runs) -> None:
    said: list[str] = []
    before = (runs.whole / CHECKPOINT).stat().st_mtime_ns
    assert fit(runs.config, runs.whole, runs.examples, material=runs.material, say=said.append) is None
    assert "nothing to do" in said[-1]
    assert (runs.whole / CHECKPOINT).stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.parametrize("other", ["trained", "reading"])
def test_a_checkpoint_of_another_configuration_is_refused(runs: Runs, other: str, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).symlink_to(runs.whole / CHECKPOINT)
    recipe = runs.config.recipe
    recipes = {
        "trained": replace(recipe, trained="feature_fusion/"),
        "reading": replace(recipe, loss=LossWeights(reading=0.0)),
    }
    config = replace(runs.config, recipe=recipes[other], steps=9)
    with pytest.raises(CheckpointError, match=r"checkpoint.npz is of another configuration.* delete it"):
        fit(config, tmp_path, runs.examples, material=runs.material, say=lambda _: None)


def test_fresh_variables_follow_from_the_seed() -> None:
    recipe = replace(finetune().recipe, loss=LossWeights(reading=0.2))
    first, again, other = (make_trainer([Bank(1, (64, 64))], recipe, seed=seed).state() for seed in (3, 3, 4))
    drawn = [name for name, value in first.items() if name.startswith("weights/") and np.std(value) > 0]
    assert len(drawn) > 60
    for name in drawn:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).any()


def test_several_devices_need_jax() -> None:
    with pytest.raises(ValueError, match="training on 2 devices needs the JAX backend: set KERAS_BACKEND=jax"):
        make_trainer([Bank(1, (64, 64))], finetune().recipe, devices=2)
