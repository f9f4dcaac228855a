"""A report's folder, written and read back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from east.errors import ReportError
from east.files import written_whole
from east.icdar import Detected, GroundTruth

from ..dataset import Icdar2015
from ..run import Run
from ..submission import write_submission
from . import document, gallery, markdown, plots

_FILES = ("report.json", "report.md", "index.html", "submission.zip")


@dataclass(frozen=True, eq=False)
class SavedRun:
    """What was found, and what was there to find; by image number."""

    truths: dict[str, GroundTruth]
    detected: dict[str, Detected]


def write_report(folder: Path, dataset: Icdar2015, runs: Sequence[Run], *, shown: int = 60) -> None:
    """Writes the report of one run into ``folder``; of several, one each into a folder in it, and an overview.

    Makes the folder if it is not there; every file is there whole or not at all. There must be at least one run. The
    gallery has the ``shown`` worst images. Raises ``OSError`` when the disk refuses a file.
    """
    if len(runs) == 1:
        _write_run(folder, dataset, runs[0], shown)
        return
    by_folder = {_folder_name(run.name): run for run in runs}
    for name, run in by_folder.items():
        _write_run(folder / name, dataset, run, shown)
    _write_json(folder / "report.json", {**document.overview(dataset, runs), "folders": list(by_folder)})
    _write_text(folder / "report.md", markdown.several(dataset, by_folder))
    _write_text(folder / "index.html", gallery.index_page(dataset, by_folder))


def report_files(folder: Path, dataset: Icdar2015, runs: Sequence[str]) -> list[Path]:
    """The files that `write_report` may write of runs of these names."""
    places = [folder, *(folder / _folder_name(name) for name in runs if len(runs) > 1)]
    names = [*_FILES, *(plot.file for plot in plots.PLOTS)]
    names += [f"images/{sample.image.name}" for sample in dataset.samples]
    return [place / name for place in places for name in names]


def is_report(path: Path) -> bool:
    """Whether this is a report's folder or its report.json."""
    return path.suffix == ".json" or (path / "report.json").is_file()


def read_report(path: Path) -> SavedRun:
    """Reads a report's folder or its report.json.

    Raises `ReportError` for one that is damaged, of another format or of several runs.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if "folders" in values:
            raise ReportError(f"{path} holds several runs: name one of its folders, {', '.join(values['folders'])}")
        if values["format"] != document.FORMAT:
            raise ReportError(
                f"{file} has report format {values['format']!r}, this version reads {document.FORMAT}: run it again"
            )
        truths, detected = {}, {}
        for key, image in values["images"].items():
            words, found = image["words"], image["detections"]
            truths[key] = GroundTruth(_quads(words), tuple(word["text"] for word in words))
            detected[key] = Detected(_quads(found), np.array([one["score"] for one in found], np.float64))
        return SavedRun(truths, detected)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReportError(f"{file} is not a report of this program, or it is damaged: {error!r}") from error


def _folder_name(run: str) -> str:
    return run.replace(" ", "-")


def _write_run(folder: Path, dataset: Icdar2015, run: Run, shown: int) -> None:
    values = document.full(dataset, run)
    _write_json(folder / "report.json", values)
    _write_text(folder / "report.md", markdown.single(dataset, run, values))
    with written_whole(folder / "submission.zip") as file:
        write_submission(file, run.detected)
    for plot in plots.PLOTS:
        with written_whole(folder / plot.file) as file:
            plot.draw(run, values).savefig(file, format="png")
    worst = gallery.worst(values["images"], shown)
    for sample in dataset.samples:
        if sample.key in worst:
            with written_whole(folder / "images" / sample.image.name) as file:
                file.write(sample.image.read_bytes())
    _write_text(folder / "index.html", gallery.run_page(dataset, run, values, worst))


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    _write_text(path, json.dumps(values, ensure_ascii=False, allow_nan=False) + "\n")


def _write_text(path: Path, text: str) -> None:
    with written_whole(path) as file:
        file.write(text.encode())


def _quads(marks: list[dict[str, Any]]) -> NDArray[np.int32]:
    return np.array([mark["quad"] for mark in marks], np.int32).reshape(-1, 4, 2)
