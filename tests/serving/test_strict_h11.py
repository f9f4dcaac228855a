"""What is not exactly HTTP/1.1 is refused, so that nobody can smuggle a request past whoever reads it otherwise."""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING

import h11
import httpx
import pytest

from serving import logs
from serving.strict_h11 import StrictConnection
from tests.serving.raw import answers, connect, exchange, read_all

if TYPE_CHECKING:
    from tests.serving.conftest import Serve

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSING = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
POST = b"POST /detect HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

HEADS = {
    "length and coding": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "coding and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: 34\r\n\r\n", 400),
    "two lengths in one": (POST + b"Content-Length: 0, 34\r\n\r\n", 400),
    "signed length": (POST + b"Content-Length: +0\r\n\r\n", 400),
    "hexadecimal length": (POST + b"Content-Length: 0x0\r\n\r\n", 400),
    "endless length": (POST + b"Content-Length: " + b"0" * 5000 + b"\r\n\r\n", 400),
    "two codings": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501),
    "two codings in one": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "another coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    "nearly a coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    "coding after a vertical tab": (POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", 400),
    "coding in HTTP/1.0": (b"POST /detect HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "space before the colon": (POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "no name": (POST + b": chunked\r\n\r\n", 400),
    "no colon": (POST + b"Transfer-Encoding\r\n\r\n", 400),
    "name that is no token": (POST + b"Content Length: 0\r\n\r\n", 400),
    "folded line": (POST + b"X: a\r\n b\r\n\r\n", 400),
    "folded with a tab": (POST + b"X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n", 400),
    "folded first line": (b"POST /detect HTTP/1.1\r\n Host: x\r\n\r\n", 400),
    "bare LF": (POST + b"X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "bare LF at the end": (POST + b"X: a\n\n", 400),
    "bare LF after the first line": (b"GET /healthz HTTP/1.1\nHost: x\r\n\r\n", 400),
    "bare CR": (POST + b"X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "CR CR LF": (POST + b"X: a\r\r\n\r\n", 400),
    "NUL": (POST + b"X: a\0b\r\n\r\n", 400),
    "backspace": (POST + b"X: a\x08b\r\n\r\n", 400),
    "delete": (POST + b"X: a\x7fb\r\n\r\n", 400),
    "HTTP/2.0": (b"GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "HTTP/2's greeting": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/3": (b"GET /healthz HTTP/3\r\nHost: x\r\n\r\n", 505),
    "HTTP/1.2": (b"GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n", 505),
    "HTTP/0.9 by name": (b"GET /healthz HTTP/0.9\r\n\r\n", 505),
    "HTTP/0.9": (b"GET /healthz\r\n\r\n", 400),
    "http/1.1": (b"GET /healthz http/1.1\r\nHost: x\r\n\r\n", 400),
    "no version's number": (b"GET /healthz HTTP/\r\nHost: x\r\n\r\n", 400),
    "two spaces": (b"GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a space in the target": (b"GET /health z HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a letter beyond ASCII in the target": (b"GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "empty line first": (b"\r\n" + GET, 400),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    "host with a path": (b"GET /healthz HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    "host with a user": (b"GET /healthz HTTP/1.1\r\nHost: u@x\r\n\r\n", 400),
    "two hosts in one": (b"GET /healthz HTTP/1.1\r\nHost: x y\r\n\r\n", 400),
    "long target": (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "many parameters": (b"GET /healthz?" + b"a&" * 100 + b"a HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "endless target": (b"GET /" + b"x" * 300_000, 414),
    "large header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 17_000 + b"\r\n\r\n", 431),
    "endless header": (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 300_000, 431),
    "many fields": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"a:\r\n" * 101 + b"\r\n", 431),
    "TLS": (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", 400),
    "zeros": (b"\0" * 100_000, 400),
}  # fmt: skip
BODIES = {
    "no size": b"\r\nabc\r\n",
    "no hexadecimal size": b"xyz\r\n",
    "size with a prefix": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "signed size": b"+5\r\nabcde\r\n0\r\n\r\n",
    "negative size": b"-5\r\nabcde\r\n0\r\n\r\n",
    "size with an underscore": b"1_0\r\n",
    "space before the size": b" 5\r\nabcde\r\n0\r\n\r\n",
    "endless size": b"0" * 30 + b"5\r\nabcde\r\n0\r\n\r\n",
    "size ended by a bare LF": b"5\nabcde\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nb\r\nabcde\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nabcde\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a\0b\r\nabcde\r\n0\r\n\r\n",
    "long extension": b"5;" + b"a" * 300 + b"\r\nabcde\r\n0\r\n\r\n",
    "endless extension": b"5;" + b"a" * 300_000,
    "chunk longer than its size": b"5\r\nabcdef\r\n0\r\n\r\n",
    "chunk ended by a bare LF": b"5\r\nabcde\n0\r\n\r\n",
    "end of the body a bare LF": b"0\r\n\n",
    "end of the trailer a bare LF": b"0\r\nX: a\n\n",
    "folded trailer": b"0\r\nX: a\r\n b\r\n\r\n",
    "many trailers": b"0\r\n" + b"a:\r\n" * 102 + b"\r\n",
    "endless trailer": b"0\r\nX: " + b"a" * 300_000,
    "crumbs": b"1\r\nx\r\n" * 300 + b"0\r\n\r\n",
}
CODES = {
    400: "malformed-http",
    414: "target-too-long",
    431: "header-too-large",
    501: "unsupported-transfer-coding",
    505: "unsupported-version",
}


@pytest.mark.parametrize("name", HEADS)
def test_request_that_is_none_is_answered_once_and_its_connection_closed(client: httpx.Client, name: str) -> None:
    sent, status = HEADS[name]
    [answer] = exchange(client, sent + GET)
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert answer.problem["code"] == CODES[status]
    assert len(answer.body) < 500


@pytest.mark.parametrize("name", BODIES)
def test_body_that_is_none(client: httpx.Client, name: str) -> None:
    with connect(client) as connection:
        connection.sendall(CHUNKED)
        time.sleep(0.01)  # the operation reads already, mostly
        connection.sendall(b"5\r\nabcde\r\n" + BODIES[name] + GET)
        [answer] = answers(read_all(connection))
    assert answer.status == 400
    assert answer.headers["connection"] == "close"
    assert answer.problem["code"] == "malformed-http"
    assert len(answer.body) < 500


@pytest.mark.parametrize("name", [*HEADS, *BODIES])
def test_how_the_bytes_arrive_makes_no_difference(name: str) -> None:
    sent = HEADS[name][0] if name in HEADS else CHUNKED + BODIES[name]

    def refusal(size: int) -> tuple[int, str]:
        connection = StrictConnection()
        for start in range(0, len(sent), size):
            connection.receive_data(sent[start : start + size])
            while connection.next_event() not in (h11.NEED_DATA, h11.PAUSED):
                pass
            if connection.refusal is not None:
                return connection.refusal.status, connection.refusal.code
        return 0, ""

    assert refusal(1 if len(sent) < 10_000 else 999) == refusal(len(sent))
    assert refusal(7) != (0, "")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (CLOSING, 200),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"GET http://elsewhere:80/healthz?x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"GET HTTP://x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404),
        (b"GET /healthz HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\nHost:\r\nX:\t a \xe4 \t\r\nConnection: close\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket, h2c\r\nConnection: close, upgrade\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"a:\r\n" * 98 + b"\r\n", 200),
        (CHUNKED.replace(b"Host", b"Connection: close\r\nHost") + b"003;x=\"y\"\r\nabc\r\n0\r\nX: a\r\n\r\n", 400),
    ],
)  # fmt: skip
def test_strange_but_sound_requests_are_answered(
    client: httpx.Client, caplog: pytest.LogCaptureFixture, sent: bytes, status: int
) -> None:
    [answer] = exchange(client, sent)
    assert answer.status == status
    if status == 400:
        assert answer.problem["code"] == "undecodable-image"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_refusals_are_logged_and_counted_like_other_answers(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "serving.access"), serve() as client:
        ids = {}
        for name in ("HTTP/2.0", "long target", "TLS", "length and coding"):
            [answer] = exchange(client, HEADS[name][0])
            ids[answer.headers["x-request-id"]] = name
        with connect(client) as connection:
            connection.sendall(CHUNKED.replace(b"Host", b"X-Request-ID: mine\r\nHost") + BODIES["no size"])
            read_all(connection)
        metrics = client.get("/metrics").text
    ids["mine"] = "no size"
    lines = {}
    for record in caplog.records:
        line = json.loads(logs.JsonFormatter().format(record))
        if line.get("request_id") in ids:
            lines[ids[line["request_id"]]] = line
    for name, method, path, status in (
        ("HTTP/2.0", "GET", "/healthz", 505),
        ("TLS", None, None, 400),
        ("length and coding", "POST", "/detect", 400),
        ("no size", "POST", "/detect", 400),
    ):
        line = lines[name]
        assert (line.get("method"), line.get("path")) == (method, path), name
        assert line["status"] == status
        assert line["outcome"] == CODES[status]
        assert line["client"] == "127.0.0.1"
    assert lines["long target"]["path"].startswith("/xxx")
    assert len(lines["long target"]["path"]) < 600
    assert 'east_protocol_refusals_total{reason="malformed-http"} 3.0' in metrics
    assert 'east_protocol_refusals_total{reason="unsupported-version"} 1.0' in metrics
    assert 'east_protocol_refusals_total{reason="target-too-long"} 1.0' in metrics
    assert 'outcome="unsupported-version",status="505"} 1.0' in metrics
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
