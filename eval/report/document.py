"""What a report says, as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from east.metrics import Counts, figures

from ..analysis import Latency, by_height, by_orientation, threshold_sweep
from ..calibration import expected_calibration_error, reliability
from ..dataset import Icdar2015, Sample
from ..end_to_end import ReadWords
from ..run import Run, environment

FORMAT = 1


def overview(dataset: Icdar2015, runs: Sequence[Run]) -> dict[str, Any]:
    """The figures of one or more runs."""
    return {
        "format": FORMAT,
        "dataset": {
            "edition": dataset.edition,
            "subset": dataset.subset,
            "images": len(dataset.samples),
            "words": dataset.words,
            "legible": dataset.legible,
            "sha256": dataset.digest,
            "note": dataset.note,
        },
        "environment": environment(),
        "runs": [
            {
                "run": dict(run.about),
                "score": _score(run),
                **({} if run.reading is None else {"end_to_end": {**_rates(run.reading), **asdict(run.reading)}}),
                "speed": _speed(run),
            }
            for run in runs
        ],
    }


def full(dataset: Icdar2015, run: Run) -> dict[str, Any]:
    """The figures of one run, broken down, and what was found in every image."""
    breakdown = dataset.truths, run.detected, run.score
    sweep = threshold_sweep(run.detected, run.score)
    return {
        **overview(dataset, [run]),
        "by_height": [_bin(label, counts) for label, counts in by_height(*breakdown).items()],
        "by_orientation": [_bin(label, counts) for label, counts in by_orientation(*breakdown).items()],
        "by_threshold": [{"threshold": threshold, **_rates(counts)} for threshold, counts in sweep.items()],
        "reliability": [{**asdict(one), "precision": one.precision} for one in reliability(run.detected, run.score)],
        "images": {sample.key: _image(sample, run) for sample in dataset.samples},
    }


def _read(key: str, run: Run) -> list[dict[str, Any]]:
    read = ReadWords.of(key, run.results[key])
    return [
        {"quad": quad.ravel().tolist(), "text": text} for quad, text in zip(read.words.quads, read.texts, strict=True)
    ]


def _score(run: Run) -> dict[str, Any]:
    error = expected_calibration_error(reliability(run.detected, run.score))
    return {**figures(run.score), "calibration_error": error, **asdict(run.score.counts)}


def _speed(run: Run) -> dict[str, Any]:
    return {
        "fps_network": run.speed.network_fps,
        "fps_end_to_end": run.speed.end_to_end_fps,
        "network_ms": _latency(run.speed.network),
        "end_to_end_ms": _latency(run.speed.end_to_end),
        **({} if run.reading is None else {"reading_ms": _latency(run.speed.reading)}),
    }


def _latency(latency: Latency) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(latency).items()}


def _bin(label: str, counts: Counts) -> dict[str, Any]:
    found = {"words": counts.words, "found": counts.matched, "detections": counts.detections}
    return {"label": label, **found, **_rates(counts)}


def _rates(counts: Counts) -> dict[str, float]:
    return {"recall": counts.recall, "precision": counts.precision, "hmean": counts.hmean}


def _image(sample: Sample, run: Run) -> dict[str, Any]:
    score, found, result = run.score.images[sample.key], run.detected[sample.key], run.results[sample.key]
    by_word = dict(score.pairs)
    by_detection = {detection: word for word, detection in score.pairs}
    confidences = [] if found.confidences is None else found.confidences.tolist()
    words = [
        {"quad": quad.ravel().tolist(), "text": text, "dont_care": bool(ignored), "detection": by_word.get(index)}
        for index, (quad, text, ignored) in enumerate(
            zip(sample.truth.quads, sample.truth.transcriptions, sample.truth.dont_care, strict=True)
        )
    ]
    detections = [
        {
            "quad": quad.ravel().tolist(),
            "score": confidence,
            "word": by_detection.get(index),
            "set_aside": index in score.set_aside,
        }
        for index, (quad, confidence) in enumerate(zip(found.quads, confidences, strict=True))
    ]
    return {
        "file": sample.image.name,
        "width": result.width,
        "height": result.height,
        **figures(score),
        "words": words,
        "detections": detections,
        **({} if result.texts is None else {"read": _read(sample.key, run)}),
        "ms": {name: getattr(result, name) for name in ("decode", "resize", "network", "postprocess", "wall")},
    }
