"""A report's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from east.files import written_whole

from ..dataset import Icdar2015
from ..run import Run
from ..submission import write_submission
from . import document, gallery, markdown, plots


def write_report(folder: Path, dataset: Icdar2015, runs: Sequence[Run], *, shown: int = 60) -> None:
    """Writes the report of one run into ``folder``; of several, one each into a folder in it, and an overview.

    shown: how many of the worst images the gallery shows.
    Every file is there whole or not at all. Raises ``OSError``.
    """
    if len(runs) == 1:
        _write_run(folder, dataset, runs[0], shown)
        return
    by_folder = {run.name.replace(" ", "-"): run for run in runs}
    for name, run in by_folder.items():
        _write_run(folder / name, dataset, run, shown)
    _write_json(folder / "report.json", {**document.overview(dataset, runs), "folders": list(by_folder)})
    _write_text(folder / "report.md", markdown.several(dataset, by_folder))
    _write_text(folder / "index.html", gallery.index_page(dataset, by_folder))


def _write_run(folder: Path, dataset: Icdar2015, run: Run, shown: int) -> None:
    values = document.full(dataset, run)
    _write_json(folder / "report.json", values)
    _write_text(folder / "report.md", markdown.single(dataset, run, values))
    with written_whole(folder / "submission.zip") as file:
        write_submission(file, run.detected)
    for plot in plots.PLOTS:
        with written_whole(folder / plot.file) as file:
            plot.draw(dataset, run, values).savefig(file, format="png")
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
