"""The training run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from east.model.weights import resolve

from ...model.checkpoint import read_variables
from ..backends import Trainer, make_trainer
from ..config import Config
from ..data.dataset import Example
from ..data.loader import SyntheticSupply, draw_batch
from ..data.packing import bank_of_examples
from ..synth.scene import Material
from .log import Log, draw_curves
from .losses import Losses
from .run_folder import RunFolder
from .validate import Scores, Validation

HEADS = ("feature_fusion/Conv_7/", "feature_fusion/Conv_8/", "feature_fusion/Conv_9/")
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """What a run may use: devices (accelerators), and processes that draw synthetic pictures."""

    devices: int = 1
    processes: int = 1


def fit(
    config: Config,
    folder: str | Path,
    examples: Sequence[Example],
    *,
    material: Material | None = None,
    validation: Validation | None = None,
    machine: Machine | None = None,
    say: Say = print,
) -> Scores | None:
    """Trains, or goes on with the run whose checkpoint is in ``folder``.

    The folder gets ``checkpoint.npz`` (everything to go on from), ``weights.npz`` (the averaged weights, a bundle),
    ``config.json``, ``log.jsonl``, an event file for TensorBoard and ``curves.png``.

    Args:
        config: what to do.
        folder: the run's own.
        examples: the training pictures.
        material: what synthetic pictures are made of; needed where ``config.synthetic`` is not 0.
        validation: what to score the averaged weights on.
        machine: what to use.
        say: is told in words how it goes.

    Returns: the scores at the end, None without validation and for a run that was at its end already.
    Raises: ValueError for settings that do not fit together, or a loss that is no longer a number; WeightsError for
        weights to start from that are not there or not the network's; CheckpointError for a checkpoint in the folder
        that is not this run's.
    """
    config.check()
    machine = machine or Machine()
    place = RunFolder(folder)
    step, state = place.load()
    if step >= config.steps:
        say(f"nothing to do: {place.path} has its {config.steps} steps")
        return None
    initial = resolve(config.initial) if config.initial and not state else None
    say(f"{config.name}: {config.steps} steps of {config.batch * machine.devices} views, {len(examples)} pictures")
    if state:
        changes = ", ".join(place.changes(config))
        say(f"taking up {place.path} after step {step}" + (f", now with {changes}" if changes else ""))
    supply = _supply(config, material, step, machine)
    log = Log(place.path, step=step)
    try:
        banks = [bank_of_examples(examples, config.canvas)] if config.synthetic < 1 else []
        if supply is not None:
            banks.append(supply.bank())
        variables = starting_variables(config, initial) if initial else None
        trainer = make_trainer(banks, config.recipe, variables, devices=machine.devices, seed=config.seed)
        if state:
            place.check(state, trainer.state())
            trainer.restore(state)
        place.record(config)
        run = _Run(config, place, trainer, supply, validation, log, machine.devices, say)
        return run.go(step, len(examples))
    finally:
        log.close()
        if supply is not None:
            supply.close()


def starting_variables(config: Config, initial: Path) -> dict[str, NDArray[np.float32]]:
    """The variables that a run starts from, under their checkpoint names; output layers anew where asked for."""
    variables = read_variables(initial)
    if config.fresh_heads:
        rng = np.random.default_rng(config.seed)
        for name, value in variables.items():
            if name.startswith(HEADS):
                variables[name] = rng.normal(0, 0.02, size=value.shape).astype(np.float32)
    return variables


@dataclass
class _Run:
    config: Config
    folder: RunFolder
    trainer: Trainer
    supply: SyntheticSupply | None
    validation: Validation | None
    log: Log
    devices: int
    say: Say

    def go(self, first: int, pictures: int) -> Scores | None:
        config, trainer, scores = self.config, self.trainer, None
        recent: list[Losses] = []
        began = time.perf_counter()
        for step in range(first, config.steps):
            indices, noise = draw_batch(config, step, pictures, self.devices)
            recent.append(trainer.step(indices, noise, config.rate(step), config.kept_average(step)))
            if self.supply is not None and (fresh := self.supply.refreshment(step)) is not None:
                trainer.refresh(*fresh)
            done = step + 1
            last = done == config.steps
            if done % config.log_every == 0 or last:
                terms = [[float(term) for term in losses] for losses in recent]  # waits for the steps
                rate = len(recent) * config.batch * self.devices / (time.perf_counter() - began)
                self._report(done, Losses(*np.mean(terms, axis=0).tolist()), rate)
                recent, began = [], time.perf_counter()
            if done % config.save_every == 0 or last:
                self.folder.save(done, trainer.state(), trainer.variables())
            if self.validation is not None and (done % config.evaluate_every == 0 or last):
                paused = time.perf_counter()
                scores = self._evaluate(self.validation, done, THRESHOLDS if last else (config.threshold,))
                began += time.perf_counter() - paused
        draw_curves(self.folder.path)
        return scores

    def _report(self, step: int, losses: Losses, rate: float) -> None:
        total = losses.total
        if not np.isfinite(total):
            raise ValueError(f"the loss is {total} at step {step}: lower the learning rate")
        self.log.write(
            step, **losses._asdict(), total=total, learning_rate=self.config.rate(step - 1), images_per_second=rate
        )
        terms = ", ".join(f"{name} {value:.3f}" for name, value in losses._asdict().items() if value)
        self.say(f"step {step}/{self.config.steps}  loss {total:.3f} ({terms})  {rate:.1f} images/s")

    def _evaluate(self, validation: Validation, step: int, thresholds: Sequence[float]) -> Scores:
        maps = validation.maps(self.trainer.predict)
        scores = validation.score(maps, self.config.threshold)
        self.log.write(step, **dataclasses.asdict(scores))
        for threshold in thresholds:
            found = validation.score(maps, threshold)
            self.say(
                f"step {step}  threshold {threshold}: recall {found.recall:.4f}, precision {found.precision:.4f}, "
                f"F1 {found.f1:.4f}"
            )
        return scores


def _supply(config: Config, material: Material | None, step: int, machine: Machine) -> SyntheticSupply | None:
    if not config.synthetic:
        return None
    if material is None:
        raise ValueError(f"configuration {config.name} wants synthetic text: give fonts, words and backgrounds")
    return SyntheticSupply(config, material, step=step, devices=machine.devices, processes=machine.processes)
