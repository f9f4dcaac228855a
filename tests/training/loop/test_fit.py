"""Whole runs, tiny: fine-tuning on own pictures, killed and resumed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing import active_children
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from east.errors import CheckpointError
from east.frameworks import tensorflow
from east.model.architecture import BACKBONE, variable_shapes
from east.model.checkpoint import read_variables, write_bundle
from east.model.weights import resolve
from east.training.config import Config, LossWeights, SceneSettings
from east.training.data.dataset import Example, read_folder
from east.training.data.letters import LETTER_CLASSES
from east.training.loop.fit import fit, initial_variables
from east.training.loop.log import read_log
from east.training.loop.run_folder import CHECKPOINT, WEIGHTS
from east.training.presets import finetune, smoke
from east.training.synth.scene import Material

tf = tensorflow()


class Runs(NamedTuple):
    """One run, and another that was killed behind its second step and resumed."""

    config: Config
    examples: list[Example]
    material: Material
    whole: Path
    resumed: Path
    lines: list[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, demo_images: list[Path], material: Material) -> Iterator[Runs]:
    """Fine-tuning of the bundled weights on the demo pictures, and a few synthetic ones; with letters and patches."""
    folder = tmp_path_factory.mktemp("runs")
    config = finetune()
    view = replace(config.recipe.augmentation, crop=64, cutmix=0.5)
    loss = LossWeights(reading=0.2)
    recipe = replace(config.recipe, augmentation=view, loss=loss, backbone_rate=0.1)
    config = replace(
        config, recipe=recipe, steps=3, batch=2, synthetic=0.5, pool_size=4, refresh_size=2, refresh_every=1,
        canvas=(192, 192), scenes=SceneSettings(192, 192, blocks=3), log_every=1, save_every=2,
    )  # fmt: skip
    examples = read_folder(demo_images[0].parent)
    whole, resumed = folder / "whole", folder / "resumed"

    def copy_as_if_killed(line: str) -> None:
        if line.startswith("step 3/"):
            shutil.copytree(whole, resumed)

    lines: list[str] = []
    tf.config.run_functions_eagerly(True)  # three steps cost less than tracing one; traced ones are in test_presets
    try:
        fit(config, whole, examples, material=material, report=copy_as_if_killed)
        fit(config, resumed, examples, material=material, report=lines.append)
    finally:
        tf.config.run_functions_eagerly(False)
    yield Runs(config, examples, material, whole, resumed, lines)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(runs: Runs) -> None:
    assert runs.lines[1] == f"resuming {runs.resumed} after step 2"
    assert [line.split()[1] for line in runs.lines[2:]] == ["3/3"]
    whole, resumed = read_log(runs.whole), read_log(runs.resumed)
    assert [event["step"] for event in resumed] == [1, 2, 3]
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
    assert len(logged) == 3
    assert any(loss > 0 for loss in logged)
    with np.load(runs.whole / WEIGHTS) as weights, np.load(runs.whole / CHECKPOINT) as state:
        assert set(weights.files) == set(variable_shapes())
        of_the_reader = [name for name in state.files if state[name].shape == (1, 1, 64, LETTER_CLASSES)]
        parts = [name.split("/")[0] for name in of_the_reader]
        assert sorted(parts) == ["averaged", "optimizer", "optimizer", "weights"]
        assert all(state[name].any() for name in of_the_reader)


@pytest.mark.slow
def test_fine_tuning_starts_from_the_bundled_weights_and_moves_all_but_batch_norm(runs: Runs) -> None:
    before, after = read_variables(resolve("default")), read_variables(runs.whole / WEIGHTS)
    for name, value in before.items():
        assert np.array_equal(value, after[name]) == ("BatchNorm" in name), name
        np.testing.assert_allclose(after[name], value, atol=2e-3, err_msg=name)
    moved = {name: np.abs(after[name] - value).mean() for name, value in before.items() if name.endswith("/weights")}
    backbone, others = (
        np.median([by for name, by in moved.items() if name.startswith(BACKBONE) == inside]) for inside in (True, False)
    )
    assert 0 < backbone < 0.25 * others  # its rate is a tenth


@pytest.mark.slow
def test_a_finished_run_is_left_alone(runs: Runs) -> None:
    lines: list[str] = []
    before = (runs.whole / CHECKPOINT).stat().st_mtime_ns
    assert fit(runs.config, runs.whole, runs.examples, material=runs.material, report=lines.append) is None
    assert "nothing to do" in lines[-1]
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
    config = replace(runs.config, recipe=recipes[other], steps=9, synthetic=0.0)
    with pytest.raises(CheckpointError, match=r"checkpoint.npz is of another configuration.* delete it"):
        fit(config, tmp_path, runs.examples, material=runs.material, report=lambda _: None)


@pytest.mark.parametrize("place", ["Log", "make_trainer"])
def test_a_run_that_fails_ends_its_processes_and_frees_its_memory(
    place: str, tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []

    class Recorded(SharedMemory):
        def __init__(self, create: bool, size: int) -> None:
            super().__init__(create=create, size=size)
            names.append(self.name)

    def broken(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("east.training.synth.stream.SharedMemory", Recorded)
    monkeypatch.setattr(f"east.training.loop.fit.{place}", broken)
    scenes = SceneSettings(64, 64, blocks=1)
    config = replace(smoke(), pool_size=1, refresh_size=1, canvas=(64, 64), scenes=scenes)
    with pytest.raises(OSError, match="no space left"):
        fit(config, tmp_path, [], material=material, report=lambda _: None)
    assert not active_children()
    (name,) = names
    with pytest.raises(FileNotFoundError):
        SharedMemory(name)


def test_random_heads_do_not_follow_the_order_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = resolve("default")
    bundled, found = read_variables(path), initial_variables(smoke(), path)
    changed = {name for name, value in found.items() if not np.array_equal(bundled[name], value)}
    heads = {f"feature_fusion/Conv_{n}/{part}" for n in (7, 8, 9) for part in ("weights", "biases")}
    assert changed == heads
    backwards = dict(reversed(bundled.items()))
    monkeypatch.setattr("east.training.loop.fit.read_variables", lambda _: backwards)
    for name, value in initial_variables(smoke(), path).items():
        np.testing.assert_array_equal(value, found[name], err_msg=name)


def test_a_backbone_alone_is_enough_to_begin_with(tmp_path: Path) -> None:
    bundled = read_variables(resolve("default"))
    backbone = {name: value for name, value in bundled.items() if name.startswith("resnet_v1_50/")}
    write_bundle(tmp_path / "resnet50.npz", {**backbone, "resnet_v1_50/logits/weights": np.zeros((1, 1, 2048, 1000))})
    config = replace(smoke(), backbone_only=True)
    for path in (tmp_path / "resnet50.npz", resolve("default")):
        assert initial_variables(config, path).keys() == backbone.keys()

    del backbone["resnet_v1_50/conv1/weights"]
    write_bundle(tmp_path / "part.npz", backbone)
    with pytest.raises(CheckpointError, match=r"part\.npz: 1 of 265 variables do not fit: resnet_v1_50/conv1/"):
        initial_variables(config, tmp_path / "part.npz")
