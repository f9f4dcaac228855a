"""What Prometheus is told. Several processes keep their counts in shared files, and whoever is asked adds them up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from east.types import Timings

from . import shared

MEDIA_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The service's counters, gauges and histograms."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._shared = shared.folder()
        if self._shared:
            _forget_the_dead(self._shared)
        else:
            ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "east_requests",
            "Requests by operation, status and outcome.",
            ["operation", "status", "outcome"],
            registry=self.registry,
        )
        self.request_seconds = self._histogram(
            "east_request_seconds", "Time from a request's header to its answer.", label="operation"
        )
        self.queue_length = self._gauge("east_queue_length", "Images waiting.")
        self.held_bytes = self._gauge("east_held_bytes", "Bytes of images and answers held.")
        self.queue_seconds = self._histogram("east_queue_seconds", "Time an image waited.")
        self.batch_size = self._histogram("east_batch_size", "Images in one run.", (1, 2, 4, 8, 16, 32, 64))
        self.stage_seconds = self._histogram(
            "east_stage_seconds", "Time of decode, resize, network and postprocess.", label="stage"
        )
        self.boxes = self._histogram("east_boxes", "Boxes in one image.", (0, 1, 2, 5, 10, 20, 50, 100, 200))
        self.ready = self._gauge("east_ready", "Processes that are ready.")

    def detected(self, timings: Timings, boxes: int) -> None:
        """Counts one image that went through."""
        for stage in ("decode", "resize", "network", "postprocess"):
            self.stage_seconds.labels(stage).observe(getattr(timings, stage) / 1e3)
        self.boxes.observe(boxes)

    def render(self) -> bytes:
        """All metrics as Prometheus text, of all processes where there are several."""
        if not self._shared:
            return generate_latest(self.registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)

    def _histogram(
        self, name: str, text: str, buckets: Sequence[float] = _SECONDS, label: str | None = None
    ) -> Histogram:
        return Histogram(name, text, [label] if label else [], buckets=buckets, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self.registry, multiprocess_mode="livesum")


def _forget_the_dead(folder: Path) -> None:
    """A killed process leaves its gauges behind; whoever starts next takes them away."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}:
        if not _alive(pid):
            with suppress(FileNotFoundError):
                mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
