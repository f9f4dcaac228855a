"""Results in the project's own forms: values as JSON has them, CSV, and the lines of ICDAR2015's task 4.1."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from .icdar import format_lines, reportable

if TYPE_CHECKING:
    from .detections import Detections
    from .types import TextBox

_CORNERS = [f"{axis}{corner}" for corner in range(1, 5) for axis in "xy"]


def to_dict(found: Detections) -> dict[str, Any]:
    """See `Detections.to_dict`."""
    return {
        "image": {"width": found.width, "height": found.height},
        "tiles": found.tiles,
        "runs": found.runs,
        "boxes": words_of(found),
        "model": model_of(found),
        "timings_ms": found.timings.as_dict(),
    }


def words_of(found: Detections) -> list[dict[str, Any]]:
    """The words; coordinates to 1/100 pixel, without a text where none was read."""
    quads = found.quads.astype(np.float64).round(2).tolist()
    return [_word(box, quad) for box, quad in zip(found.boxes, quads, strict=True)]


def model_of(found: Detections) -> dict[str, str]:
    """What found them."""
    return {"weights": found.weights, "runtime": found.runtime, "precision": str(found.precision)}


def to_csv(found: Detections, texts: bool | None) -> str:
    """See `Detections.to_csv`."""
    is_read = found.is_read if texts is None else texts
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*_CORNERS, "score", *(["text", "text_confidence"] if is_read else [])])
    for box in found.boxes:
        read = [box.text, f"{box.text_confidence or 0:.4f}"] if is_read else []
        writer.writerow([*(f"{value:.2f}" for value in box.quad.ravel()), f"{box.score:.4f}", *read])
    return file.getvalue()


def to_icdar(found: Detections, scores: bool) -> str:
    """See `Detections.to_icdar`."""
    ranked = found.ranked()
    written = reportable(ranked.quads)
    last = [_decimals(box.score) for box, is_written in zip(ranked.boxes, written, strict=True) if is_written]
    return format_lines(ranked.quads[written], last if scores else None)


def _word(box: TextBox, quad: list[list[float]]) -> dict[str, Any]:
    told: dict[str, Any] = {"quad": quad, "score": round(float(box.score), 4)}
    if box.text is not None:
        told |= {"text": box.text, "text_confidence": round(float(box.text_confidence or 0), 4)}
    return told


def _decimals(score: float) -> str:
    """The fewest digits that no other float32 has, never with an exponent."""
    return np.format_float_positional(np.float32(score), trim="0")
