"""The report's plots."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..analysis import precision_recall_curve
from ..run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#767676"
_RATES = (("recall", "recall", _GREEN), ("precision", "precision", _ORANGE), ("hmean", "F1", _BLUE))


class Plot(NamedTuple):
    """One PNG of the report."""

    file: str
    caption: str
    draw: Callable[[Run, dict[str, Any]], Figure]


def _precision_recall(run: Run, values: dict[str, Any]) -> Figure:
    figure, axes = _axes("recall", "precision")
    recall, precision = precision_recall_curve(run.detected, run.score)
    axes.plot(recall, precision, color=_BLUE, label=f"AP {run.score.ap:.4f}")
    axes.plot(
        [run.score.recall], [run.score.precision], "o", color=_ORANGE, label=f"all detections, F1 {run.score.hmean:.4f}"
    )
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="lower left")
    return figure


def _by_threshold(run: Run, values: dict[str, Any]) -> Figure:
    figure, axes = _axes("detections scored at least", "")
    points = [point for point in values["by_threshold"] if point["recall"] > 0] or values["by_threshold"][:1]
    thresholds = [point["threshold"] for point in points]
    for name, label, color in _RATES:
        axes.plot(thresholds, [point[name] for point in points], color=color, label=label)
    best = max(points, key=lambda point: float(point["hmean"]))
    axes.axvline(
        best["threshold"], color=_GREY, linestyle=":", label=f"best F1 {best['hmean']:.4f} at {best['threshold']:.2f}"
    )
    axes.set(xlim=(0, max(0.01, thresholds[-1])), ylim=(0, 1.02))
    axes.legend(loc="lower left")
    return figure


def _reliability(run: Run, values: dict[str, Any]) -> Figure:
    figure, axes = _axes("score", "share of the detections that are words")
    bins = values["reliability"]
    filled = [one for one in bins if one["detections"]]
    most = max((one["detections"] for one in bins), default=0) or 1
    places = [(one["low"] + one["high"]) / 2 for one in bins]
    shares = [one["detections"] / most for one in bins]
    axes.bar(places, shares, 0.9 / len(bins), color="#dddddd", label="detections with such a score")
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", label="what the scores say")
    error = values["runs"][0]["score"]["calibration_error"]
    shown = f"what is so, expected calibration error {error:.4f}"
    confidences, precisions = ([one[name] for one in filled] for name in ("confidence", "precision"))
    axes.plot(confidences, precisions, "o-", color=_BLUE, label=shown)
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="upper left")
    return figure


def _bars(breakdown: str, label: str, run: Run, values: dict[str, Any]) -> Figure:
    figure, axes = _axes(label, "")
    bins = values[breakdown]
    places = np.arange(len(bins))
    for offset, (name, shown, color) in enumerate(_RATES):
        axes.bar(places + (offset - 1) * 0.27, [one[name] for one in bins], 0.25, color=color, label=shown)
    axes.set_xticks(places, [f"{one['label']}\n{one['words']} words" for one in bins], fontsize=8)
    axes.set(ylim=(0, 1.02))
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False)
    return figure


def _latency(run: Run, values: dict[str, Any]) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure, axes = _axes("milliseconds per image", "images")
    network = np.array([result.network for result in run.results.values()])
    wall = np.array([result.wall for result in run.results.values()])
    top = float(np.percentile(wall, 99)) * 1.05
    bins = np.linspace(min(network.min(), wall.min()) * 0.95, top, 41)
    kinds: tuple[tuple[NDArray[np.float64], str, str, Literal["step", "stepfilled"]], ...] = (
        (network, "network", _BLUE, "stepfilled"),
        (wall, "end to end", _ORANGE, "step"),
    )
    for times, label, color, kind in kinds:
        shown = f"{label}, median {np.median(times):.1f} ms"
        axes.hist(np.minimum(times, top), bins.tolist(), histtype=kind, color=color, linewidth=1.8, label=shown)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


PLOTS = (
    Plot("precision_recall.png", "Precision and recall by falling score", _precision_recall),
    Plot("f1_by_threshold.png", "F1 against the score threshold", _by_threshold),
    Plot("reliability.png", "Words among the detections, by score", _reliability),
    Plot("f1_by_height.png", "F1 by word height", partial(_bars, "by_height", "height of the word in pixels")),
    Plot("f1_by_orientation.png", "F1 by orientation", partial(_bars, "by_orientation", "degrees from horizontal")),
    Plot("latency.png", "Latency", _latency),
)


def _axes(x: str, y: str) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4), dpi=120)
    axes = figure.add_axes((0.1, 0.17, 0.87, 0.74))  # fixed: finding the best layout draws everything twice
    axes.set(xlabel=x, ylabel=y)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
