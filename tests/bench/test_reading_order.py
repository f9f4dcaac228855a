"""bench/reading_order.py: its pages, its measures and its labels."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bench import reading_order as bench
from east.icdar import parse_ground_truth
from east.training.synth.pages import draws


def at(x: float, y: float) -> list[tuple[float, float]]:
    return [(x, y), (x + 40, y), (x + 40, y + 10), (x, y + 10)]


TWO_LINES = np.array([at(0, 0), at(44, 0), at(0, 15), at(44, 15)])


def test_it_counts_neighbours_and_pages_in_order() -> None:
    tally = bench.Tally()
    tally.add(bench.Sample(TWO_LINES, [[0, 1], [2, 3]]))
    assert (tally.f1(), tally.order()) == ("1.000", "1.00")
    tally.add(bench.Sample(TWO_LINES, [[2, 3], [1], [0]]))  # one pair too many, and another order
    assert (tally.samples, tally.words, tally.followers, tally.found, tally.right) == (2, 8, 3, 4, 3)
    assert (tally.f1(), tally.order()) == ("0.857", "0.50")


def test_words_that_are_not_judged_are_left_out() -> None:
    assert bench.Sample(np.array([at(0, 0), at(44, 0), at(88, 0)]), [[0, 2]]).found() == [[0, 2]]


@pytest.mark.parametrize("kind", bench.KINDS)
def test_each_word_of_a_page_has_its_place(kind: str) -> None:
    [rng] = draws(kind, 1)
    sample = bench.KINDS[kind](rng)
    assert sorted(bench.in_order(sample.lines)) == list(range(len(sample.quads)))
    off = bench.jittered(sample, rng).quads - sample.quads
    heights = np.linalg.norm(sample.quads[:, 3] - sample.quads[:, 0], axis=1)
    assert (np.abs(off).max(axis=(1, 2)) <= 0.1 * heights).all()
    assert np.abs(off).max() > 0


def test_labels_cover_what_is_judged(icdar_folder: Path) -> None:
    for number, lines in json.loads(bench.LABELS.read_text()).items():
        name = f"gt_img_{number}.txt"
        truth = parse_ground_truth((icdar_folder / name).read_bytes(), name)
        assert sorted(bench.in_order(lines)) == np.flatnonzero(~truth.dont_care).tolist()


def test_it_prints_a_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["reading_order.py", "--pages", "1"])
    monkeypatch.delenv("ICDAR2015_DIR", raising=False)
    monkeypatch.setattr(bench, "KINDS", {"signs side by side": bench.signs})
    bench.main()
    table, _, share = capsys.readouterr().out.rstrip().rpartition("\n")
    assert "| signs side by side |     1 |" in table
    assert "of decoding its picture" in share
