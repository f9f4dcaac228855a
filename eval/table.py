"""The table of accuracy and speed, with the one that the original work reports below it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .analysis import speed
from .run import Run


class Reported(NamedTuple):
    """A row of the original work's table."""

    runtime: str
    fps: float
    recall: float
    precision: float
    hmean: float


ORIGINAL_CAPTION = "Reported for the original (Tesla V100, batch 1, official test set at 672x1280):"
ORIGINAL = (
    Reported("TF (slim) FP32", 42, 0.7732, 0.8466, 0.8083),
    Reported("TF-TRT FP32", 63, 0.7732, 0.8466, 0.8083),
    Reported("TF-TRT FP16", 98, 0.7723, 0.8442, 0.8066),
    Reported("TF-TRT INT8", 83, 0.7602, 0.8572, 0.8058),
)

COLUMNS = ("runtime", "FPS network", "FPS end to end", "recall", "precision", "F1", "model MB")


def rows(runs: Iterable[Run]) -> list[tuple[str, ...]]:
    """A row of `COLUMNS` per run."""
    made = []
    for run in runs:
        pace, counts = speed(run.records), run.score.counts
        made.append(
            (
                f"{run.name} ({run.about['arithmetic']})",
                f"{pace.network_fps:.1f}",
                f"{pace.end_to_end_fps:.1f}",
                *_accuracy(counts.recall, counts.precision, counts.hmean),
                f"{run.about['model_bytes'] / 1e6:.1f}",
            )
        )
    return made


def original_rows() -> list[tuple[str, ...]]:
    """The original work's rows in the same columns."""
    return [
        (row.runtime, f"{row.fps:.0f}", "-", *_accuracy(row.recall, row.precision, row.hmean), "-") for row in ORIGINAL
    ]


def markdown_table(runs: Iterable[Run]) -> str:
    """Both tables in Markdown, columns aligned so that they also read well as plain text."""
    ours, original = rows(runs), original_rows()
    widths = [max(len(row[column]) for row in (COLUMNS, *ours, *original)) for column in range(len(COLUMNS))]
    return f"{_layout(ours, widths)}\n{ORIGINAL_CAPTION}\n\n{_layout(original, widths)}"


def _accuracy(*values: float) -> tuple[str, ...]:
    return tuple(f"{value:.4f}" for value in values)


def _layout(body: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "".join(
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |\n"
        for row in (COLUMNS, rule, *body)
    )
