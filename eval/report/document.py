"""What a report says, as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from east.metrics import Score

from ..analysis import Group, Latency, Speed, by_height, by_orientation, speed, threshold_sweep
from ..dataset import Icdar2015, Sample
from ..environment import environment
from ..run import Run

FORMAT = 1


def overview(dataset: Icdar2015, runs: Sequence[Run]) -> dict[str, Any]:
    """The figures of one or more runs."""
    return {
        "format": FORMAT,
        "dataset": _dataset(dataset),
        "environment": environment(),
        "runs": [
            {"run": dict(run.about), "score": _score(run.score), "speed": _speed(speed(run.records))} for run in runs
        ],
    }


def full(dataset: Icdar2015, run: Run) -> dict[str, Any]:
    """The figures of one run, broken down, and what was found in every image."""
    truths = dataset.truths
    return {
        **overview(dataset, [run]),
        "by_height": [_group(group) for group in by_height(truths, run.detected, run.score)],
        "by_orientation": [_group(group) for group in by_orientation(truths, run.detected, run.score)],
        "by_threshold": [asdict(point) for point in threshold_sweep(run.detected, run.score)],
        "images": {sample.key: _image(sample, run) for sample in dataset.samples},
    }


def _dataset(dataset: Icdar2015) -> dict[str, Any]:
    return {
        "edition": dataset.edition,
        "subset": dataset.subset,
        "images": len(dataset.samples),
        "words": dataset.words,
        "legible": dataset.legible,
        "sha256": dataset.digest,
        "note": dataset.note,
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "precision": score.precision,
        "recall": score.recall,
        "hmean": score.hmean,
        "AP": score.ap,
        **asdict(score.counts),
    }


def _speed(pace: Speed) -> dict[str, Any]:
    return {
        "fps_network": pace.network_fps,
        "fps_end_to_end": pace.end_to_end_fps,
        "network_ms": _latency(pace.network),
        "end_to_end_ms": _latency(pace.end_to_end),
    }


def _latency(latency: Latency) -> dict[str, float]:
    return {name: round(value, 3) for name, value in asdict(latency).items()}


def _group(group: Group) -> dict[str, Any]:
    return {**asdict(group), "recall": group.recall, "precision": group.precision, "hmean": group.hmean}


def _image(sample: Sample, run: Run) -> dict[str, Any]:
    score, found, record = run.score.images[sample.key], run.detected[sample.key], run.records[sample.key]
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
        "width": record.width,
        "height": record.height,
        "precision": score.precision,
        "recall": score.recall,
        "hmean": score.hmean,
        "AP": score.ap,
        "words": words,
        "detections": detections,
        "ms": {name: getattr(record, name) for name in ("decode", "resize", "network", "postprocess", "wall")},
    }
