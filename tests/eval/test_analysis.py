"""Breakdowns of a score: each agrees with scoring the part alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from east.icdar import Detected, GroundTruth
from east.metrics import Counts, score
from eval.analysis import by_height, by_orientation, precision_recall_curve, threshold_sweep
from eval.dataset import Icdar2015
from eval.run import Run

RunOf = Callable[..., Run]


def test_the_sweep_is_a_score_at_every_threshold(made_up: Icdar2015, run_of: RunOf) -> None:
    run = run_of(made_up)
    sweep = threshold_sweep(run.detected, run.score)
    assert list(sweep) == pytest.approx(np.linspace(0, 1, 101))
    for threshold, counts in sweep.items():
        kept = {}
        for key, found in run.detected.items():
            assert found.confidences is not None
            kept[key] = Detected(found.quads[found.confidences >= threshold])
        assert counts == score(made_up.truths, kept).counts


def test_the_curve_ends_at_the_score_and_encloses_average_precision(made_up: Icdar2015, run_of: RunOf) -> None:
    run = run_of(made_up)
    recall, precision = precision_recall_curve(run.detected, run.score)
    assert (recall[-1], precision[-1]) == (run.score.recall, run.score.precision)
    gained = np.diff(recall, prepend=0)
    assert (gained * precision).sum() == pytest.approx(run.score.ap)


def test_bins_add_up(made_up: Icdar2015, run_of: RunOf) -> None:
    run = run_of(made_up)
    heights = by_height(made_up.truths, run.detected, run.score)
    for bins in (heights, by_orientation(made_up.truths, run.detected, run.score)):
        assert sum(bins.values(), Counts()) == run.score.counts
    assert heights["20 to 30"] == run.score.counts


def test_a_match_counts_for_the_word_and_a_false_alarm_for_itself() -> None:
    upright = [[20, 0], [20, 60], [0, 60], [0, 0]]  # read downwards; found with its corners in another order
    truths = {"1": GroundTruth(np.array([upright], np.int32), ("a",))}
    level = [[0, 0], [20, 0], [20, 60], [0, 60]]
    alarm = [[200, 0], [260, 0], [260, 20], [200, 20]]
    detected = {"1": Detected(np.array([level, alarm], np.int32))}
    bins = by_orientation(truths, detected, score(truths, detected))
    assert (bins["60 and over"].recall, bins["60 and over"].precision) == (1, 1)
    assert (bins["under 5"].words, bins["under 5"].detections, bins["under 5"].matched) == (0, 1, 0)


def test_speed(made_up: Icdar2015, run_of: RunOf) -> None:
    pace = run_of(made_up).speed
    assert pace.network.mean == pytest.approx(84)
    assert pace.network.median == pytest.approx(82.5)
    assert pace.network_fps == pytest.approx(1000 / 84)
    assert pace.end_to_end_fps == pytest.approx(1000 / 90)
