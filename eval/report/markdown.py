"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from east.console import markdown_table

from ..dataset import Icdar2015
from ..run import Run
from ..table import accuracy_tables, reading_table
from .plots import PLOTS

_RATES = ("recall", "precision", "hmean")


def single(dataset: Icdar2015, run: Run, values: Mapping[str, Any]) -> str:
    """The report of one run, from its document ``values``."""
    parts = [
        f"# {run.name} on ICDAR2015",
        about_data(dataset),
        accuracy_tables([run]).rstrip(),
        *filter(None, [reading_table([run]).rstrip()]),
        "## What was run",
        _settings(run, values["environment"]),
        "## Scores",
        _scores(values),
        "## By word height in pixels",
        _breakdown(values["by_height"]),
        "## By orientation in degrees from horizontal",
        _breakdown(values["by_orientation"]),
        "A found word counts in its own row, a false alarm in the row of its own size or angle.",
        "## Plots",
        *(f"![{plot.caption}]({plot.file})" for plot in PLOTS),
        "[The worst images](index.html) · [submission for the competition site](submission.zip) · "
        "[everything as JSON](report.json)",
    ]
    return "\n\n".join(parts) + "\n"


def several(dataset: Icdar2015, runs: Mapping[str, Run]) -> str:
    """The overview of several runs, given by the name of the folder that holds their report."""
    links = "\n".join(f"- [{run.name}]({folder}/report.md)" for folder, run in runs.items())
    parts = ["# ICDAR2015", about_data(dataset), accuracy_tables(runs.values()).rstrip()]
    parts += [*filter(None, [reading_table(runs.values()).rstrip()]), "## Reports", links]
    return "\n\n".join(parts) + "\n"


def about_data(dataset: Icdar2015) -> str:
    """One line on the images."""
    if dataset.note is None:
        return "The official test set: 500 images, 5,230 words, 2,077 of them legible."
    return f"Note: {dataset.note}."


def _settings(run: Run, environment: Mapping[str, str]) -> str:
    about = run.about
    thresholds = ", ".join(f"{name} {value:g}" for name, value in about["thresholds"].items())
    size = "by image" if about["input_size"] is None else "x".join(map(str, about["input_size"]))
    rows = {
        "weights": f"{about['weights']} (sha256 `{about['weights_sha256'][:16]}…`)",
        "runtime": f"{about['runtime']} {about['precision']}, computing in {about['arithmetic']} on {about['device']}",
        "network size": size,
        "thresholds": thresholds,
        "scores": _scoring(about),
        "versions": ", ".join(f"{name} {version}" for name, version in environment.items()),
    }
    return "\n".join(f"- {name}: {value}" for name, value in rows.items())


def _scoring(about: Mapping[str, Any]) -> str:
    curve = about["confidence"]
    if about["scoring"] == "original":
        return "the mean of the pixels in the box, as in the original code"
    if about["scoring"] == "peak" or curve is None:
        return "the highest of the pixels in the core"
    return f"sigmoid({curve['slope']:.4g} x + {curve['shift']:.4g}), x being the logit of the highest in the core"


def _scores(values: Mapping[str, Any]) -> str:
    bins, score = values["reliability"], values["runs"][0]["score"]
    body = [
        [f"{one['low']:.1f} to {one['high']:.1f}", str(one["detections"]), str(one["matched"]), *_shares(one)]
        for one in bins
    ]
    told = (
        f"Average precision {score['AP']:.4f}. Expected calibration error {score['calibration_error']:.4f}: how far "
        "the mean score of a bin is from its share of words, averaged over the detections, in "
        f"{len(bins)} bins of equal width; detections in don't-care words do not count."
    )
    table = markdown_table(["score", "detections", "words", "mean score", "share of words"], body)
    return f"{told}\n\n{table.rstrip()}"


def _shares(one: Mapping[str, Any]) -> tuple[str, str]:
    return (f"{one['confidence']:.4f}", f"{one['precision']:.4f}") if one["detections"] else ("-", "-")


def _breakdown(bins: Iterable[Mapping[str, Any]]) -> str:
    body = [
        [one["label"], str(one["words"]), str(one["detections"]), *(f"{one[rate]:.4f}" for rate in _RATES)]
        for one in bins
    ]
    return markdown_table(["", "words", "detections", "recall", "precision", "F1"], body).rstrip()
