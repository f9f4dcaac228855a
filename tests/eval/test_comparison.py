"""Two runs side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from eval.comparison import ImageChange, bootstrap, compare
from eval.dataset import Icdar2015
from eval.run import Run

RunOf = Callable[..., Run]


def test_what_changed(made_up: Icdar2015, run_of: RunOf) -> None:
    a, b = run_of(made_up), run_of(made_up, drop=frozenset({"1", "2"}))
    result = compare(made_up.truths, a.detected, b.detected)
    assert result.changes == (
        ImageChange("1", lost=(0, 1), gained=(), false_alarms=(0, 0)),
        ImageChange("2", lost=(), gained=(), false_alarms=(2, 0)),
    )
    assert result.difference == b.score.hmean - a.score.hmean
    back = compare(made_up.truths, b.detected, a.detected)
    assert back.changes[0].gained == (0, 1)
    assert back.difference == -result.difference


def test_a_run_does_not_differ_from_itself(made_up: Icdar2015, run_of: RunOf) -> None:
    run = run_of(made_up)
    result = compare(made_up.truths, run.detected, run.detected)
    assert (result.difference, result.interval, result.changes) == (0, (0, 0), ())


def test_the_interval_is_the_same_every_time_and_follows_the_seed() -> None:
    rng = np.random.default_rng(1)
    words = rng.integers(1, 9, 50)
    a = np.stack([rng.integers(0, words + 1), words, words], axis=1)
    b = np.stack([rng.integers(0, words + 1), words, words], axis=1)
    assert bootstrap(a, b, 0.95, 1000, seed=3) == bootstrap(a, b, 0.95, 1000, seed=3)
    assert bootstrap(a, b, 0.95, 1000, seed=3) != bootstrap(a, b, 0.95, 1000, seed=4)


def test_the_interval_agrees_with_plain_resampling() -> None:
    rng = np.random.default_rng(7)
    words = rng.integers(1, 9, 40)
    a = np.stack([rng.integers(0, words + 1), words, words + 1], axis=1)
    b = np.stack([np.minimum(a[:, 0] + rng.integers(0, 2, 40), words), words, words], axis=1)
    differences = []
    for _ in range(4000):
        drawn = rng.integers(0, 40, 40)
        f1 = []
        for run in (b, a):
            matched, wanted, found = run[drawn].sum(axis=0)
            recall, precision = matched / wanted, matched / found
            f1.append(2 * recall * precision / (recall + precision))
        differences.append(f1[0] - f1[1])
    assert bootstrap(a, b, 0.95, 4000, seed=0) == pytest.approx(np.percentile(differences, [2.5, 97.5]), abs=0.006)
