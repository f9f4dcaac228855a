"""What Prometheus is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

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
