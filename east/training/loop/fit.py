"""The training run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...metrics import Score
from ...model.architecture import BACKBONE
from ...model.checkpoint import network_variables, read_arrays, read_variables
from ...model.weights import resolve
from ..backends import Trainer, make_trainer
from ..backends.losses import Losses
from ..config import Config
from ..data.dataset import Example
from ..data.packing import pack_examples
from ..synth.scene import Material
from ..validation.cases import numbers, table
from .loader import SyntheticLoader, draw_batch
from .log import Log, draw_curves
from .run_folder import RunFolder
from .validate import Validation

HEADS = ("feature_fusion/Conv_8", "feature_fusion/Conv_9", "feature_fusion/Conv_7")  # drawn in this order
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)


def fit(
    config: Config,
    folder: str | Path,
    examples: Sequence[Example],
    *,
    material: Material | None = None,
    validation: Validation | None = None,
    kinds: Validation | None = None,
    devices: int = 1,
    processes: int = 1,
    report: Callable[[str], None] = print,
) -> Score | None:
    """Trains, or resumes the run whose checkpoint is in ``folder``.

    The folder gets ``checkpoint.npz`` (everything to go on from), ``weights.npz`` (the averaged weights, a bundle),
    ``config.json``, ``log.jsonl``, an event file for TensorBoard and ``curves.png``.

    It trains on ``examples`` and on synthetic pictures, which ``processes`` draw with ``material``, needed where
    ``config.synthetic`` is not 0; scores the averaged weights on ``validation``, and on ``kinds`` kind by kind; shares
    the work between ``devices``, several on JAX only; and gives ``report`` a line about each thing that happens.

    Returns:
        The scores at the end, None without validation and for a run that was at its end already.

    Raises:
        ValueError: for settings that do not fit together, or a loss that is no longer a number.
        WeightsError: for weights to start from that are not there or not the network's.
        CheckpointError: for a checkpoint in the folder that is not this run's, or a damaged log.
    """
    config.check()
    if config.synthetic and material is None:
        raise ValueError(f"configuration {config.name} wants synthetic text: give fonts, words and backgrounds")
    run_folder = RunFolder(folder)
    step, state = run_folder.load()
    if step >= config.steps:
        report(f"nothing to do: {run_folder.path} has its {config.steps} steps")
        return None
    initial = resolve(config.initial) if config.initial and not state else None
    report(f"{config.name}: {config.steps} steps of {config.batch * devices} views, {len(examples)} pictures")
    if state:
        changes = ", ".join(run_folder.changes(config))
        report(f"resuming {run_folder.path} after step {step}" + (f", now with {changes}" if changes else ""))
    with ExitStack() as stack:
        loader = None
        if config.synthetic and material is not None:
            loader = SyntheticLoader(config, material, step=step, devices=devices, processes=processes)
            stack.enter_context(closing(loader))
        log = stack.enter_context(closing(Log(run_folder.path, step=step)))
        images = [pack_examples(examples, config.canvas)] if config.synthetic < 1 else []
        if loader is not None:
            images.append(loader.pool())
        variables = initial_variables(config, initial) if initial else None
        trainer = make_trainer(images, config.recipe, variables, devices=devices, seed=config.seed)
        if state:
            run_folder.check(state, trainer.state())
            trainer.restore(state)
        run_folder.record(config)
        return _Run(config, run_folder, trainer, loader, validation, kinds, log, report).finish(step, len(examples))


def initial_variables(config: Config, path: Path) -> dict[str, NDArray[np.float32]]:
    """The variables at ``path`` under their checkpoint names; random ones for the heads if they are to be reset.

    Those of the backbone alone where no others are wanted.
    """
    if config.backbone_only:
        return network_variables(read_arrays(path), str(path), within=BACKBONE)
    variables = read_variables(path)
    if config.reset_heads:
        rng = np.random.default_rng(config.seed)
        for name in (f"{head}/{part}" for head in HEADS for part in ("weights", "biases")):
            variables[name] = rng.normal(0, 0.02, size=variables[name].shape).astype(np.float32)
    return variables


@dataclass
class _Run:
    config: Config
    folder: RunFolder
    trainer: Trainer
    loader: SyntheticLoader | None
    validation: Validation | None
    kinds: Validation | None
    log: Log
    report: Callable[[str], None]

    def finish(self, first: int, pictures: int) -> Score | None:
        """Takes the steps from ``first`` on."""
        config, trainer, score = self.config, self.trainer, None
        recent: list[Losses] = []
        began = time.perf_counter()
        for step in range(first, config.steps):
            indices, noise = draw_batch(config, step, pictures, trainer.devices)
            recent.append(trainer.step(indices, noise, config.learning_rate_at(step), config.ema_decay_at(step)))
            if self.loader is not None and (refresh := self.loader.refresh(step)) is not None:
                trainer.refresh(*refresh)
            done = step + 1
            last = done == config.steps
            if done % config.log_every == 0 or last:
                terms = [[float(term) for term in losses] for losses in recent]  # waits for the steps
                rate = len(recent) * config.batch * trainer.devices / (time.perf_counter() - began)
                self._log_losses(done, Losses(*np.mean(terms, axis=0).tolist()), rate)
                recent, began = [], time.perf_counter()
            if done % config.save_every == 0 or last:
                self.folder.save(done, trainer.state(), trainer.variables())
            if done % config.evaluate_every == 0 or last:
                paused = time.perf_counter()
                if self.validation is not None:
                    score = self._evaluate(self.validation, done, THRESHOLDS if last else (config.threshold,))
                if self.kinds is not None:
                    self._evaluate_kinds(self.kinds, done)
                began += time.perf_counter() - paused
        draw_curves(self.folder.path)
        return score

    def _log_losses(self, step: int, losses: Losses, images_per_second: float) -> None:
        terms, total = losses._asdict(), losses.total
        if not np.isfinite(total):
            raise ValueError(f"the loss is {total} at step {step}: lower the learning rate")
        learning_rate = self.config.learning_rate_at(step - 1)
        self.log.write(step, **terms, total=total, learning_rate=learning_rate, images_per_second=images_per_second)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in terms.items() if value)
        self.report(f"step {step}/{self.config.steps}  loss {total:.3f} ({shown})  {images_per_second:.1f} images/s")

    def _evaluate(self, validation: Validation, step: int, thresholds: Sequence[float]) -> Score:
        maps = validation.maps(self.trainer.predict)
        score = validation.score(maps, self.config.threshold)
        self.log.write(step, recall=score.recall, precision=score.precision, f1=score.hmean)
        for threshold in thresholds:
            found = validation.score(maps, threshold)
            self.report(
                f"step {step}  threshold {threshold}: recall {found.recall:.4f}, precision {found.precision:.4f}, "
                f"F1 {found.hmean:.4f}"
            )
        return score

    def _evaluate_kinds(self, kinds: Validation, step: int) -> None:
        found = kinds.by_kind(kinds.score(kinds.maps(self.trainer.predict), self.config.threshold))
        self.log.write(step, **numbers(found))
        self.report(f"step {step}  threshold {self.config.threshold}, by kind of text:\n{table(found)}")
