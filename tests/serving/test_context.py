"""What is known of a request: its id, its headers, its log line."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.types import Message

from serving import logs
from serving.app import create_app

if TYPE_CHECKING:
    from tests.serving.conftest import Serve


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


@pytest.mark.parametrize(("scope", "logged"), [({}, "/a%0A%20b"), ({"raw_path": b"/a%0a%20b"}, "/a%0a%20b")])
def test_path_is_logged_whether_or_not_the_server_tells_it_raw(
    scope: dict[str, Any], logged: str, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    http = {"type": "http", "method": "GET", "path": "/a\n b", "query_string": b"", "headers": []}
    with caplog.at_level(logging.INFO, "serving.access"):
        asyncio.run(create_app()({**http, **scope}, receive, send))
    assert sent[0]["status"] == 404
    [record] = caplog.records
    assert getattr(record, "fields")["path"] == logged  # noqa: B009


def test_request_id_is_kept_when_sane(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"x-request-id": "abc-1.2:3"}).headers["x-request-id"] == "abc-1.2:3"
    made = client.get("/healthz", headers={"x-request-id": 'a"b\\c'}).headers["x-request-id"]
    assert len(made) == 32


def test_answers_carry_safe_headers_and_no_banner(client: httpx.Client) -> None:
    headers = client.get("/healthz").headers
    assert "server" not in headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
