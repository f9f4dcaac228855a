"""What operators see: metrics, log lines, the OpenAPI document."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving import logs
from serving.settings import Settings

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


def test_access_line_tells_about_the_request(serve: Serve, photo: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "serving.access"), serve() as client:
        answer = client.post("/detect?max_side=320", content=photo, headers={"x-request-id": "abc"})
    [record] = [record for record in caplog.records if getattr(record, "fields", {}).get("request_id") == "abc"]
    line = json.loads(logs.JsonFormatter().format(record))
    assert line["method"] == "POST"
    assert line["path"] == "/detect"
    assert line["status"] == 200
    assert line["outcome"] == "ok"
    assert line["images"] == 1
    assert line["boxes"] == len(answer.json()["boxes"])
    assert line["bytes_in"] == len(photo)
    assert line["bytes_out"] == len(answer.content)
    assert line["client"] == "127.0.0.1"
    assert line["level"] == "info"
    text = logs.ConsoleFormatter().format(record)
    assert "POST /detect 200 ok" in text
    assert "[abc]" in text


def test_log_line_cannot_be_forged(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "serving.access"), serve() as client:
        client.get("/x%0A%7B%22status%22:200%7D", headers={"x-request-id": "forged"})
    [record] = [record for record in caplog.records if getattr(record, "fields", {}).get("request_id") == "forged"]
    assert "\n" not in logs.JsonFormatter().format(record)
    assert "\n" not in logs.ConsoleFormatter().format(record)


@pytest.mark.parametrize(("asked", "formatter"), [("json", logs.JsonFormatter), ("console", logs.ConsoleFormatter)])
def test_log_format_is_chosen(asked: str, formatter: type) -> None:
    settings = Settings.model_validate({"log_format": asked})
    assert logs.configuration(settings)["formatters"]["lines"]["()"] is formatter


def test_openapi_describes_the_operations(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/detect"]["post"]
    assert set(operation["requestBody"]["content"]) == {
        "image/*",
        "application/octet-stream",
        "multipart/form-data",
    }
    assert set(operation["responses"]) == {"200", "400", "408", "413", "415", "422", "429", "500", "503", "504"}
    for status, response in operation["responses"].items():
        if status != "200":
            assert set(response["content"]) == {"application/problem+json"}
