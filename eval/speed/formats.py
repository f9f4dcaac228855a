"""What was measured, as Markdown to read, and as CSV and JSON to compute with."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from statistics import median
from typing import Any

from east.console import markdown_table

from .benchmark import MEASURES, REFERENCE, STREAMS, Measurement, Workload, name_of

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
    "of JPEGs",
    "of TF FP32",
    "first call s",
    "conversion s",
    "model MB",
    "peak MB",
)


def rows(measured: Sequence[Measurement]) -> list[tuple[str, ...]]:
    """A row of `COLUMNS` for each case and batch; ``of TF FP32`` is the share of the reference's network time."""
    return [_row(measured, one, batch) for one in measured for batch in sorted({batch for _, batch in one.times})]


def _row(measured: Sequence[Measurement], one: Measurement, batch: int) -> tuple[str, ...]:
    share, memory = relative(measured, one, "network", batch), one.about["peak_memory"]
    return (
        name_of(one.case),
        one.about["arithmetic"],
        str(batch),
        f"{one.median('network', batch) * 1e3:.2f}",
        f"{one.p99('network', batch) * 1e3:.2f}",
        *(f"{one.fps(measure, batch):.1f}" for measure in MEASURES),
        *(f"{median(one.stream[source, batch]):.1f}" for source in STREAMS),
        f"{share:.3f}" if share else "-",
        f"{one.about['first_call_s']:.2f}",
        f"{one.about['conversion_s']:.1f}",
        f"{one.about['model_bytes'] / 1e6:.1f}",
        f"{memory['host_mb']:.0f}" + (f" + {memory['gpu_mb']:.0f} GPU" if "gpu_mb" in memory else ""),
    )


def relative(measured: Sequence[Measurement], one: Measurement, measure: str, batch: int) -> float | None:
    """The median as a share of the reference's; None when that was not measured."""
    reference = next((other for other in measured if name_of(other.case) == REFERENCE), None)
    if reference is None or (measure, batch) not in reference.times:
        return None
    return one.median(measure, batch) / reference.median(measure, batch)


def markdown(measured: Sequence[Measurement]) -> str:
    """The table."""
    return markdown_table(COLUMNS, rows(measured))


def comma_separated(measured: Sequence[Measurement]) -> str:
    """The same rows as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows(measured)])
    return text.getvalue()


def document(measured: Sequence[Measurement], workload: Workload, environment: dict[str, str]) -> dict[str, Any]:
    """Everything, as JSON values. Times are in milliseconds."""
    options = measured[0].case  # of which the cases share all but runtime and precision
    return {
        "environment": environment,
        "settings": {
            "size": options.input_size,
            "images": len(workload.images),
            "rounds": workload.rounds,
            "threads": options.threads,
        },
        "results": [_values(measured, one) for one in measured],
    }


def _values(measured: Sequence[Measurement], one: Measurement) -> dict[str, Any]:
    measures = [
        {
            "measure": measure,
            "batch": batch,
            "calls": len(times),
            "median_ms": one.median(measure, batch) * 1e3,
            "p99_ms": one.p99(measure, batch) * 1e3,
            "fps": one.fps(measure, batch),
            "of_tensorflow_fp32": relative(measured, one, measure, batch),
        }
        for (measure, batch), times in one.times.items()
    ]
    streams: dict[str, dict[int, list[float]]] = {source: {} for source in STREAMS}
    for (source, batch), fps in one.stream.items():
        streams[source][batch] = fps
    case = {"name": name_of(one.case), "runtime": one.case.runtime, "precision": str(one.case.precision)}
    return {**case, **one.about, "measured": measures, "stream_fps": streams}
