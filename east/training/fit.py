"""The training run."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CheckpointError
from ..files import written_whole
from ..model.checkpoint import read_variables, write_bundle
from .backends import Trainer, make_trainer
from .bank import bank_of_examples
from .config import Config
from .data import Example
from .log import Log, draw_curves
from .losses import Losses
from .supply import SyntheticSupply, draw_batch
from .synth.scene import Material
from .validate import Scores, Validation

CHECKPOINT, WEIGHTS, RECORD = "checkpoint.npz", "weights.npz", "config.json"
HEADS = ("feature_fusion/Conv_7/", "feature_fusion/Conv_8/", "feature_fusion/Conv_9/")
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Machine:
    """What a run may use: devices (accelerators), and processes that draw synthetic pictures."""

    devices: int = 1
    processes: int = 1
    log_every: int = 20


def fit(
    config: Config,
    folder: str | Path,
    examples: Sequence[Example],
    *,
    material: Material | None = None,
    validation: Validation | None = None,
    variables: Mapping[str, NDArray[Any]] | None = None,
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
        variables: to start from, under their checkpoint names; fresh ones when None.
        machine: what to use.
        say: is told in words how it goes.

    Returns: the scores at the end, None without validation.
    Raises: ValueError for a run without pictures; CheckpointError for a checkpoint that does not fit.
    """
    config.check()
    machine = machine or Machine()
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    with written_whole(path / RECORD) as file:
        file.write(json.dumps(dataclasses.asdict(config), indent=2).encode())
    step, state = _read_checkpoint(path / CHECKPOINT)
    supply = _supply(config, material, step, machine)
    log = Log(path, step=step)
    try:
        banks = [bank_of_examples(examples, config.canvas)] if config.synthetic < 1 else []
        if supply is not None:
            banks.append(supply.bank())
        trainer = make_trainer(banks, config.recipe, variables, machine.devices)
        if state:
            trainer.restore(state)
        run = _Run(config, path, trainer, supply, validation, log, machine, say)
        return run.go(step, len(examples))
    finally:
        log.close()
        if supply is not None:
            supply.close()


@dataclass
class _Run:
    config: Config
    folder: Path
    trainer: Trainer
    supply: SyntheticSupply | None
    validation: Validation | None
    log: Log
    machine: Machine
    say: Say

    def go(self, first: int, pictures: int) -> Scores | None:
        config, trainer, scores = self.config, self.trainer, None
        began, began_at = time.perf_counter(), first
        for step in range(first, config.steps):
            indices, noise = draw_batch(config, step, pictures, self.machine.devices)
            losses = trainer.step(indices, noise, config.rate(step), config.kept_average(step))
            if self.supply is not None and (fresh := self.supply.refreshment(step)) is not None:
                trainer.refresh(*fresh)
            done = step + 1
            if done % self.machine.log_every == 0 or done == config.steps:
                numbers = {name: float(value) for name, value in losses._asdict().items()}
                now = time.perf_counter()
                seconds, span, began, began_at = now - began, done - began_at, now, done
                numbers |= {
                    "total": sum(numbers.values()),
                    "learning_rate": config.rate(step),
                    "images_per_second": span * config.batch * self.machine.devices / seconds,
                }
                self._report(done, numbers)
            last = done == config.steps
            if done % config.save_every == 0 or last:
                self._save(done)
            if self.validation is not None and (done % config.evaluate_every == 0 or last):
                scores = self._evaluate(done, every_threshold=last)
                began, began_at = time.perf_counter(), done
        draw_curves(self.folder)
        return scores

    def _report(self, step: int, numbers: dict[str, float]) -> None:
        if not np.isfinite(numbers["total"]):
            raise ValueError(f"the loss is {numbers['total']} at step {step}: lower the learning rate")
        self.log.write(step, **numbers)
        parts = ", ".join(f"{name} {numbers[name]:.3f}" for name in Losses._fields)
        rate = f"{numbers['images_per_second']:.1f} images/s"
        self.say(f"step {step}/{self.config.steps}  loss {numbers['total']:.3f} ({parts})  {rate}")

    def _evaluate(self, step: int, *, every_threshold: bool) -> Scores:
        assert self.validation is not None  # noqa: S101
        maps = self.validation.maps(self.trainer.predict)
        scores = self.validation.score(maps, self.config.threshold)
        self.log.write(step, **dataclasses.asdict(scores))
        for threshold in THRESHOLDS if every_threshold else (self.config.threshold,):
            found = self.validation.score(maps, threshold)
            self.say(
                f"step {step}  threshold {threshold}: recall {found.recall:.4f}, precision {found.precision:.4f}, "
                f"F1 {found.f1:.4f}"
            )
        return scores

    def _save(self, step: int) -> None:
        with written_whole(self.folder / CHECKPOINT) as file:
            np.savez(file, step=np.asarray(step), **self.trainer.state())
        write_bundle(self.folder / WEIGHTS, self.trainer.variables())


def starting_variables(path: str | Path, *, fresh_heads: bool = False) -> dict[str, NDArray[np.float32]]:
    """The variables of any checkpoint the project can read; those of the output layers small and random on request."""
    variables = read_variables(path)
    if fresh_heads:
        rng = np.random.default_rng(0)
        for name, value in variables.items():
            if name.startswith(HEADS):
                variables[name] = rng.normal(0, 0.02, size=value.shape).astype(np.float32)
    return variables


def _supply(config: Config, material: Material | None, step: int, machine: Machine) -> SyntheticSupply | None:
    if not config.synthetic:
        return None
    if material is None:
        raise ValueError(f"configuration {config.name} wants synthetic text: give fonts, words and backgrounds")
    return SyntheticSupply(config, material, step=step, devices=machine.devices, processes=machine.processes)


def _read_checkpoint(path: Path) -> tuple[int, dict[str, NDArray[Any]]]:
    if not path.is_file():
        return 0, {}
    try:
        with np.load(path) as arrays:
            return int(arrays["step"]), {name: arrays[name] for name in arrays.files if name != "step"}
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} is no training checkpoint, delete it to start anew: {error}") from error
