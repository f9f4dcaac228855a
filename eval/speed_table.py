"""Speed as a table: Markdown to read, CSV and JSON to compute with."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from statistics import median
from typing import Any

from .speed import MEASURES, REFERENCE, Result, Settings

COLUMNS = (
    "runtime",
    "arithmetic",
    "batch",
    "network ms",
    "p99 ms",
    "FPS network",
    "FPS boxes",
    "FPS end to end",
    "FPS stream",
    "of TF FP32",
    "first call s",
    "conversion s",
    "model MB",
    "peak MB",
)


def rows(results: Sequence[Result]) -> list[dict[str, str]]:
    """A row of `COLUMNS` for each case and batch; ``of TF FP32`` is the share of the reference's network time."""
    made = []
    for result in results:
        memory = result.about["peak_memory"]
        for batch in sorted({batch for _, batch in result.times}):
            share = relative(results, result, "network", batch)
            fps = [f"{result.fps(measure, batch):.1f}" for measure in MEASURES]
            values = (
                result.case.name,
                result.about["arithmetic"],
                str(batch),
                f"{result.median('network', batch) * 1e3:.2f}",
                f"{result.p99('network', batch) * 1e3:.2f}",
                *fps,
                f"{median(result.stream[batch]):.1f}",
                f"{share:.3f}" if share else "-",
                f"{result.about['first_call_s']:.2f}",
                f"{result.about['conversion_s']:.1f}",
                f"{result.about['model_bytes'] / 1e6:.1f}",
                f"{memory['host_mb']:.0f}" + (f" + {memory['gpu_mb']:.0f} GPU" if "gpu_mb" in memory else ""),
            )
            made.append(dict(zip(COLUMNS, values, strict=True)))
    return made


def relative(results: Sequence[Result], result: Result, measure: str, batch: int) -> float | None:
    """The median as a share of the reference's; None when that was not measured."""
    reference = next((other for other in results if other.case.name == REFERENCE), None)
    if reference is None or (measure, batch) not in reference.times:
        return None
    return result.median(measure, batch) / reference.median(measure, batch)


def markdown(results: Sequence[Result]) -> str:
    """The table, columns aligned so that it also reads well as plain text."""
    body = [list(row.values()) for row in rows(results)]
    widths = [max(len(row[column]) for row in [list(COLUMNS), *body]) for column in range(len(COLUMNS))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "".join(
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |\n"
        for row in (COLUMNS, rule, *body)
    )


def comma_separated(results: Sequence[Result]) -> str:
    """The same rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(results))
    return text.getvalue()


def document(results: Sequence[Result], settings: Settings, environment: dict[str, str]) -> dict[str, Any]:
    """Everything, as JSON values. Times are in milliseconds."""
    return {
        "environment": environment,
        "settings": {
            "images": len(settings.images),
            "rounds": settings.rounds,
        },
        "results": [_values(results, result) for result in results],
    }


def _values(results: Sequence[Result], result: Result) -> dict[str, Any]:
    measured = [
        {
            "measure": measure,
            "batch": batch,
            "calls": len(times),
            "median_ms": result.median(measure, batch) * 1e3,
            "p99_ms": result.p99(measure, batch) * 1e3,
            "fps": result.fps(measure, batch),
            "of_tensorflow_fp32": relative(results, result, measure, batch),
        }
        for (measure, batch), times in result.times.items()
    ]
    options = result.case.options
    case = {"name": result.case.name, "runtime": options.runtime, "precision": str(options.precision)}
    about = {"size": options.input_size, "threads": options.threads, **result.about}
    return {**case, **about, "measured": measured, "stream_fps": result.stream}
