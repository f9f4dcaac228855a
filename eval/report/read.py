"""Reports read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from east.errors import ReportError
from east.icdar import Detected, GroundTruth

from .document import FORMAT


@dataclass(frozen=True, eq=False)
class Report:
    """What a run found, and what was there to find; by image number."""

    truths: dict[str, GroundTruth]
    detected: dict[str, Detected]


def is_report(path: Path) -> bool:
    """Whether this is a report's folder or its report.json."""
    return path.suffix == ".json" or (path / "report.json").is_file()


def read_report(path: Path) -> Report:
    """Reads a report's folder or its report.json.

    Raises ReportError for one that is damaged, of another format or of several runs.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if "folders" in values:
            raise ReportError(f"{path} holds several runs: name one of its folders, {', '.join(values['folders'])}")
        if values["format"] != FORMAT:
            raise ReportError(
                f"{file} has report format {values['format']!r}, this version reads {FORMAT}: run it again"
            )
        images = values["images"]
        return Report(
            {key: _truth(image["words"]) for key, image in images.items()},
            {key: _detected(image["detections"]) for key, image in images.items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"{file} is not a report of this program, or it is damaged: {error!r}") from error


def _truth(words: list[dict[str, Any]]) -> GroundTruth:
    return GroundTruth(_quads(words), tuple(word["text"] for word in words))


def _detected(detections: list[dict[str, Any]]) -> Detected:
    return Detected(_quads(detections), np.array([detection["score"] for detection in detections], np.float64))


def _quads(marks: list[dict[str, Any]]) -> NDArray[np.int32]:
    return np.array([mark["quad"] for mark in marks], np.int32).reshape(-1, 4, 2)
