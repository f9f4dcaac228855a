"""``index.html``: the worst images with what was found, missed and made up, for a browser without a network."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from east.geometry import heights

from ..dataset import Icdar2015
from ..run import Run
from ..table import COLUMNS, ORIGINAL_CAPTION, ORIGINAL_ROWS, rows
from .markdown import about_data
from .plots import PLOTS


def worst(images: Mapping[str, Mapping[str, Any]], most: int) -> list[str]:
    """Numbers of the images of a report's document with errors, most errors first, then lowest F1; at most ``most``."""
    errors = {key: sum(mark["kind"] in {"missed", "alarm"} for mark in _marks(image)) for key, image in images.items()}
    ranked = sorted(
        (key for key in images if errors[key]), key=lambda key: (-errors[key], images[key]["hmean"], int(key))
    )
    return ranked[:most]


def run_page(dataset: Icdar2015, run: Run, values: Mapping[str, Any], shown: Collection[str]) -> str:
    """The gallery of one run, from its document ``values``; ``shown`` are the images' numbers, in order."""
    images = [_image(key, values["images"][key]) for key in shown]
    data = json.dumps(images, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    plots = (
        f'<figure><img src="{p.file}" alt="" loading="lazy"><figcaption>{p.caption}</figcaption></figure>'
        for p in PLOTS
    )
    return _fill(
        _page("gallery.html"),
        title=escape(f"{run.name} on ICDAR2015"),
        about=escape(about_data(dataset)),
        figures="\n".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in _figures(run).items()),
        plots="\n".join(plots),
        style=_page("gallery.css"),
        script=_page("gallery.js"),
        data=data,
    )


def index_page(dataset: Icdar2015, runs: Mapping[str, Run]) -> str:
    """The table, and links to the galleries of several runs, given by the name of the folder of their report."""
    links = "\n".join(
        f'<li><a href="{escape(folder)}/index.html">{escape(run.name)}</a>' for folder, run in runs.items()
    )
    return _fill(
        _page("index.html"),
        about=escape(about_data(dataset)),
        header=_row(COLUMNS, "th"),
        ours="\n".join(_row(row) for row in rows(runs.values())),
        caption=ORIGINAL_CAPTION,
        span=str(len(COLUMNS)),
        original="\n".join(_row(row) for row in ORIGINAL_ROWS),
        links=links,
        style=_page("gallery.css"),
    )


def _row(cells: Iterable[str], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _figures(run: Run) -> dict[str, str]:
    score = run.score
    accuracy = {"F1": score.hmean, "recall": score.recall, "precision": score.precision, "AP": score.ap}
    frames = {"FPS network": run.speed.network_fps, "FPS end to end": run.speed.end_to_end_fps}
    return {name: f"{value:.4f}" for name, value in accuracy.items()} | {k: f"{v:.1f}" for k, v in frames.items()}


def _image(key: str, image: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": key, **{name: image[name] for name in ("file", "width", "height", "hmean")}, "marks": _marks(image)}


def _marks(image: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What to draw: words and detections by what became of them."""
    marks = []
    for word in image["words"]:
        kind = "ignored" if word["dont_care"] else "missed" if word["detection"] is None else "found"
        marks.append({"kind": kind, "quad": word["quad"], "text": word["text"], "score": None})
    for detection in image["detections"]:
        kind = "aside" if detection["set_aside"] else "alarm" if detection["word"] is None else "hit"
        marks.append({"kind": kind, "quad": detection["quad"], "text": "", "score": detection["score"]})
    tall = heights(np.array([mark["quad"] for mark in marks], np.int32).reshape(-1, 4, 2))
    return [{**mark, "height": round(float(height), 1)} for mark, height in zip(marks, tall, strict=True)]


def _page(name: str) -> str:
    return (files(__package__) / "page" / name).read_text(encoding="utf-8")


def _fill(page: str, **parts: str) -> str:
    """Puts each part in place of its ``{{name}}``; ``data`` comes last, so nothing in it is taken for a name."""
    for name, part in parts.items():
        page = page.replace("{{" + name + "}}", part)
    return page
