"""Clients that misbehave below HTTP: slow, silent, gone, or talking on after they were refused."""

from __future__ import annotations

import io
import socket
import time
from typing import TYPE_CHECKING

import httpx
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from tests.serving.conftest import Serve

HEAD = b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"


def connect(client: httpx.Client) -> socket.socket:
    assert client.base_url.port is not None
    return socket.create_connection((client.base_url.host, client.base_url.port), timeout=60)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


def test_silent_connection_is_closed(serve: Serve) -> None:
    with serve(limits={"header_seconds": 0.2}) as client, connect(client) as silent:
        assert read_all(silent) == b""


def test_header_that_trickles_in_is_not_waited_for(serve: Serve) -> None:
    with serve(limits={"header_seconds": 0.3}) as client, connect(client) as slow:
        closed = False
        for byte in b"GET /healthz HTTP/1.1\r\nHost: " + b"x" * 10_000:
            try:
                slow.sendall(bytes([byte]))
            except OSError:
                closed = True
                break
            time.sleep(0.02)
        assert closed


def test_kept_connection_serves_many_requests(serve: Serve) -> None:
    with serve(limits={"header_seconds": 0.3}) as client, connect(client) as connection:
        for _ in range(4):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while b"alive" not in answer:
                answer += connection.recv(65536)
            time.sleep(0.1)


def test_client_that_vanishes_in_its_body(serve: Serve) -> None:
    with serve() as client:
        for _ in range(20):
            with connect(client) as gone:
                gone.sendall(HEAD + b"\x89PNG")
        lost = 'outcome="client-gone",status="none"} 20.0'
        give_up = time.monotonic() + 60
        while lost not in (text := client.get("/metrics").text):
            assert time.monotonic() < give_up, text
            time.sleep(0.02)
        assert "\neast_held_bytes 0.0\n" in text


def test_trickling_body_is_answered_and_the_connection_closed(serve: Serve) -> None:
    with serve(limits={"body_seconds": 0.3}) as client, connect(client) as slow:
        slow.sendall(HEAD)
        answer = read_all(slow)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"slow-body"' in answer


def test_refused_upload_gets_its_answer_and_cannot_go_on_for_ever(serve: Serve) -> None:
    limits = {"header_seconds": 0.3, "image_bytes": 1000}
    with serve(limits=limits) as client, connect(client) as stubborn:
        stubborn.sendall(HEAD.replace(b"Content-Length: 1000", b"Transfer-Encoding: chunked"))
        chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        stubborn.sendall(chunk * 2)
        assert stubborn.recv(12) == b"HTTP/1.1 413"
        closed = False
        for _ in range(1000):
            try:
                stubborn.sendall(chunk)
            except OSError:
                closed = True
                break
            time.sleep(0.01)
        assert closed


def test_answer_reaches_a_client_that_sends_all_it_has_before_it_reads(serve: Serve) -> None:
    with serve(limits={"image_bytes": 999}) as client:
        for keep in (b"", b"Connection: close\r\n"):
            with connect(client) as eager:
                eager.sendall(HEAD.replace(b"Content-Length: 1000\r\n", b"Content-Length: 20000000\r\n" + keep))
                eager.sendall(bytes(20_000_000))
                assert eager.recv(12) == b"HTTP/1.1 413"


def test_declared_length_over_the_limit_is_refused_before_the_body(serve: Serve) -> None:
    with serve(limits={"image_bytes": 999}) as client, connect(client) as connection:
        connection.sendall(HEAD)
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_too_many_connections_are_told_so(serve: Serve) -> None:
    with serve(limits={"connections": 3}) as client:
        idle = [connect(client) for _ in range(4)]
        with httpx.Client(base_url=client.base_url) as late:
            answer = late.get("/healthz")
        assert answer.status_code == 503
        assert answer.json()["code"] == "too-many-connections"
        assert answer.headers["retry-after"] == "2"
        for connection in idle:
            connection.close()
        give_up = time.monotonic() + 60
        while client.get("/healthz").status_code != 200:
            assert time.monotonic() < give_up
            time.sleep(0.02)


def test_garbage_instead_of_http(client: httpx.Client) -> None:
    for garbage in (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n", b"\0" * 100_000):
        with connect(client) as connection:
            connection.sendall(garbage)
            answer = read_all(connection)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert client.get("/healthz").status_code == 200


def test_answer_that_is_not_taken_is_held_for_a_time_only(serve: Serve) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")  # 7 MB, and so is the answer; the network sees 32 pixels of it
    body = buffer.getvalue()
    head = f"POST /detect?format=image/png&max_side=32 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with serve(limits={"answer_seconds": 1}, queue={"bytes": 2 * len(body) + 1_000_000}) as client:
        with connect(client) as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            lazy.sendall(head.encode() + body)
            assert lazy.recv(12) == b"HTTP/1.1 200"
            refused = client.post("/detect", content=body)
            assert refused.json()["code"] == "queue-full"
            give_up = time.monotonic() + 60
            while "\neast_held_bytes 0.0\n" not in (text := client.get("/metrics").text):
                assert time.monotonic() < give_up
                time.sleep(0.02)
            assert 'operation="/detect",outcome="client-gone",status="200"} 1.0' in text
            assert len(read_all(lazy)) < len(body)
        assert client.post("/detect", content=body).status_code == 200
