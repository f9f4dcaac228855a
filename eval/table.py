"""The table of accuracy and speed, with the one that the original work reports below it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from east.console import markdown_table

if TYPE_CHECKING:
    from .run import Run


ORIGINAL_CAPTION = "Reported for the original (Tesla V100, batch 1, official test set at 672x1280):"
READING_CAPTION = "Words found and read right (end to end, the rules of task 4.4 without a lexicon):"
READING_COLUMNS = ("runtime, recogniser", "detection F1", "recall", "precision", "F1", "ms to read an image")
COLUMNS = ("runtime", "FPS network", "FPS end to end", "recall", "precision", "F1", "model MB")
ORIGINAL_ROWS = (
    ("TF (slim) FP32", "42", "-", "0.7732", "0.8466", "0.8083", "-"),
    ("TF-TRT FP32", "63", "-", "0.7732", "0.8466", "0.8083", "-"),
    ("TF-TRT FP16", "98", "-", "0.7723", "0.8442", "0.8066", "-"),
    ("TF-TRT INT8", "83", "-", "0.7602", "0.8572", "0.8058", "-"),
)


def rows(runs: Iterable[Run]) -> list[tuple[str, ...]]:
    """A row of `COLUMNS` per run."""
    return [
        (
            f"{run.name} ({run.about['arithmetic']}){_told_of(run)}",
            f"{run.speed.network_fps:.1f}",
            f"{run.speed.end_to_end_fps:.1f}",
            *(f"{share:.4f}" for share in (run.score.recall, run.score.precision, run.score.hmean)),
            f"{run.about['model_bytes'] / 1e6:.1f}",
        )
        for run in runs
    ]


def _told_of(run: Run) -> str:
    """What was not read surely enough is none of the words that were found."""
    return "" if run.reading is None else f", as read by {run.about['reading']['recogniser']}"


def accuracy_tables(runs: Iterable[Run]) -> str:
    """Both tables in Markdown."""
    ours = rows(runs)
    above, below = markdown_table(COLUMNS, ours, ORIGINAL_ROWS), markdown_table(COLUMNS, ORIGINAL_ROWS, ours)
    return f"{above}\n{ORIGINAL_CAPTION}\n\n{below}"


def reading_table(runs: Iterable[Run]) -> str:
    """How the words were read, in Markdown; nothing where none were."""
    read = [(run, run.reading) for run in runs if run.reading is not None]
    body = [
        (
            f"{run.name}, {run.about['reading']['recogniser']}",
            f"{run.score.hmean:.4f}",
            *(f"{share:.4f}" for share in (counts.recall, counts.precision, counts.hmean)),
            f"{run.speed.reading.median:.0f}",
        )
        for run, counts in read
    ]
    return f"{READING_CAPTION}\n\n{markdown_table(READING_COLUMNS, body)}" if body else ""
