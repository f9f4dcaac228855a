"""What Prometheus is told."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.metrics_core import Metric

from east import TextDetector, __version__
from east.types import Timings

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The service's counters, gauges and histograms.

    Attributes:
        told: what ``/metrics`` tells: of this process, unless somebody has put there what tells of others, too.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.told: Callable[[], Iterable[Metric]] = self.registry.collect
        ProcessCollector(registry=self.registry)
        Info("east_build", "What is running.", registry=self.registry).info(
            {"version": __version__, "python": platform.python_version()}
        )
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry, buckets=_SECONDS)
        labels = ["operation", "status", "outcome"]
        self.requests = Counter("east_requests", "Requests by how they ended.", labels, registry=self.registry)
        self.request_seconds = histogram("east_request_seconds", "Time from header to answer.", ["operation"])
        self.requests_in_flight = gauge("east_requests_in_flight", "Requests whose answer is not sent; without probes.")
        self.connections = gauge("east_connections", "Open connections of the service's own port.")
        refusals = "Requests that were refused before any operation saw them."
        self.protocol_refusals = Counter("east_protocol_refusals", refusals, ["reason"], registry=self.registry)
        self.queue_length = gauge("east_queue_length", "Images waiting.")
        self.held_bytes = gauge("east_held_bytes", "Bytes of images and answers held.")
        self.queue_seconds = histogram("east_queue_seconds", "Time an image waited.")
        killed = "Images whose decoding was stopped."
        self.decodes_killed = Counter("east_decodes_killed", killed, ["reason"], registry=self.registry)
        self.decoders_waiting = gauge("east_decoders_waiting", "Images waiting for a process that decodes.")
        self.decoder_memory = gauge("east_decoder_memory_bytes", "Memory of the processes that decode.")
        self.batch_size = histogram("east_batch_size", "Images in one run.", buckets=(1, 2, 4, 8, 16, 32, 64))
        self.stage_seconds = histogram("east_stage_seconds", "Time of each stage.", ["stage"])
        self.reads_waiting = gauge("east_reads_waiting", "Images admitted to be read, until their words are.")
        self.boxes = histogram("east_boxes", "Boxes in one image.", buckets=(0, 1, 2, 5, 10, 20, 50, 100, 200))
        self.ready = gauge("east_ready", "1 when images can be answered, else 0.")

    def loaded(self, detector: TextDetector) -> None:
        """Tells what finds the words."""
        runtime = detector.runtime
        Info("east_model", "The network that is loaded.", registry=self.registry).info(
            {
                "weights": detector.weights,
                "weights_sha256": detector.weights_sha256,
                "runtime": runtime.name,
                "precision": str(runtime.precision),
                "device": runtime.device,
            }
        )

    def detected(self, timings: Timings, boxes: int) -> None:
        """Counts one image that went through."""
        for stage in ("decode", "resize", "network", "postprocess"):
            self.stage_seconds.labels(stage).observe(getattr(timings, stage) / 1e3)
        self.boxes.observe(boxes)

    def read(self, seconds: float) -> None:
        """Counts one image whose words were read, and how long that took."""
        self.stage_seconds.labels("read").observe(seconds)
