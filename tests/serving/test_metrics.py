"""What Prometheus is told."""

from __future__ import annotations

import platform
import re
import socket
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from east import TextDetector, __version__
from serving.settings import Settings
from tests.serving.conftest import wait_until

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


def samples(client: httpx.Client) -> dict[str, float]:
    """All metrics by name, summed over labels."""
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if not sample.name.endswith(("_bucket", "_created")):
                name = sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items()))
                totals[name] = sample.value
    return totals


def test_metrics_count_what_happened(serve: Serve, photo: bytes) -> None:
    with serve() as client:
        found = [client.post("/detect", content=photo).json() for _ in range(2)]
        client.post("/detect", content=b"not an image")
        client.post("/detect?format=xml", content=photo)
        client.get("/" + "x" * 50)
        seen = samples(client)
    assert seen["east_requests_total /detect ok 200"] == 2
    assert seen["east_requests_total /detect undecodable-image 400"] == 1
    assert seen["east_requests_total /detect invalid-parameters 422"] == 1
    assert seen["east_requests_total other not-found 404"] == 1
    assert seen["east_request_seconds_count /detect"] == 4
    assert seen["east_boxes_sum"] == sum(len(one["boxes"]) for one in found)
    assert seen["east_boxes_count"] == 2
    assert seen["east_queue_seconds_count"] == 2
    assert seen["east_batch_size_sum"] == 2
    assert seen["east_queue_length"] == 0
    assert seen["east_held_bytes"] == 0
    assert seen["east_ready"] == 1
    network = sum(one["timings_ms"]["network"] for one in found) / 1e3
    assert seen["east_stage_seconds_sum network"] == pytest.approx(network, rel=0.01)
    assert seen["process_resident_memory_bytes"] > 0


def test_it_says_what_is_running(client: httpx.Client, detector: TextDetector) -> None:
    families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    [build], [model] = families["east_build_info"].samples, families["east_model_info"].samples
    assert build.labels == {"version": __version__, "python": platform.python_version()}
    assert model.labels == {
        "weights": detector.weights,
        "weights_sha256": detector.weights_sha256,
        "runtime": detector.runtime.name,
        "precision": "FP32",
        "device": detector.runtime.device,
    }
    assert build.value == model.value == 1


def test_openmetrics_for_those_who_ask(client: httpx.Client) -> None:
    answer = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert {"east_requests", "east_build"} <= {family.name for family in openmetrics(answer.text)}  # type: ignore[no-untyped-call]
    assert client.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")


def test_waits_past_the_deadline_can_be_told(client: httpx.Client) -> None:
    deadline = Settings().queue.deadline_seconds
    for name in ("east_request_seconds", "east_queue_seconds"):
        bounds = re.findall(rf'{name}_bucket{{.*le="([\d.]+)"', client.get("/metrics").text)
        assert sum(float(bound) > deadline for bound in bounds) >= 2


def test_requests_in_flight_are_counted_and_probes_are_not(client: httpx.Client) -> None:
    def in_flight() -> float:
        return samples(client)["east_requests_in_flight"]

    assert in_flight() == 0
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as slow:
        slow.sendall(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        wait_until(lambda: in_flight() == 1)
    wait_until(lambda: in_flight() == 0)


def test_nobody_can_make_more_and_more_metrics(client: httpx.Client) -> None:
    def series() -> int:
        return sum(len(family.samples) for family in text_string_to_metric_families(client.get("/metrics").text))

    def strange(word: str) -> None:
        client.get(f"/{word}", params={word: word}, headers={word: word})
        client.get(f"/static/{word}")
        client.get(f"/v2/models/{word}")
        client.request(word.upper(), "/detect")
        client.post("/detect", params={word: word})

    for word in ("a", "b"):
        strange(word)
    before = series()
    for word in ("c", "d", "e"):
        strange(word)
    assert series() == before
