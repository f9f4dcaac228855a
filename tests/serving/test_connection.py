"""Clients that misbehave below HTTP: slow, silent, gone, or talking on after they were refused."""

from __future__ import annotations

import gc
import io
import logging
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from PIL import Image

from serving.auth import key_hash
from serving.connection import PatientProtocol, allow_open_files
from tests.serving.conftest import wait_until
from tests.serving.raw import connect, exchange, read_all

if TYPE_CHECKING:
    from tests.serving.conftest import Serve

HEAD = b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"


def ask_health(connection: socket.socket) -> None:
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while b"alive" not in answer:
        received = connection.recv(65536)
        assert received
        answer += received


@pytest.fixture(scope="module")
def noise() -> bytes:
    """An image of 7 MB."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def ask_noise(connection: socket.socket, noise: bytes) -> None:
    """Asks for an answer as large as the noise, though the network sees 32 pixels of it, and takes none of it yet."""
    head = f"POST /detect?format=image/png&max_side=32 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(noise)}\r\n"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.sendall(head.encode() + b"Connection: close\r\n\r\n" + noise)
    assert connection.recv(12) == b"HTTP/1.1 200"


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
            ask_health(connection)
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


def test_too_many_busy_connections_are_told_so(serve: Serve, noise: bytes) -> None:
    with serve(limits={"connections": 1}) as client:
        client.close()
        with connect(client) as busy:
            ask_noise(busy, noise)
            [refused] = exchange(client, b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
        assert refused.status == 503
        assert refused.problem["code"] == "too-many-connections"
        assert refused.headers["retry-after"] == "2"
        with httpx.Client(base_url=client.base_url) as late:
            give_up = time.monotonic() + 60
            while (answer := late.get("/metrics")).status_code != 200:
                assert time.monotonic() < give_up
                time.sleep(0.02)
        assert 'east_protocol_refusals_total{reason="too-many-connections"}' in answer.text


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /healthz HTTP/1.1\r\nHost: ", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", HEAD, HEAD + b"\x89PNG"],
    ids=["silent", "half a header", "idle", "no body", "half a body"],
)
def test_flood_of_connections_that_let_the_server_wait_keeps_nobody_out(
    serve: Serve, noise: bytes, photo: bytes, sent: bytes
) -> None:
    allow_open_files(2500)
    with serve(limits={"connections": 50}) as client, ExitStack() as stack:
        busy = stack.enter_context(connect(client))
        ask_noise(busy, noise)
        for number in range(1000):
            flood = stack.enter_context(connect(client))
            flood.sendall(sent)
            if number % 250 == 0:
                with httpx.Client(base_url=client.base_url, timeout=60) as honest:
                    assert honest.post("/detect?max_side=64", content=photo).status_code == 200
                    assert honest.get("/healthz").status_code == 200
        assert b"IEND" in read_all(busy)[-20:]  # nothing that the server works on is lost


def test_uploads_in_the_way_of_newer_ones_are_answered_before_they_are_closed(serve: Serve) -> None:
    with serve(limits={"connections": 4}) as client, ExitStack() as stack:
        client.close()
        uploads = []
        for _ in range(6):
            uploads.append(stack.enter_context(connect(client)))
            uploads[-1].sendall(HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            assert uploads[-1].recv(100).startswith(b"HTTP/1.1 100 ")  # it waits for the body now
            uploads[-1].sendall(bytes(500))
        answers = []
        for upload in uploads:
            upload.sendall(bytes(500))
            answers.append(upload.recv(12))
        assert answers == [b"HTTP/1.1 503"] * 2 + [b"HTTP/1.1 400"] * 4


def test_silent_connections_go_before_idle_ones(serve: Serve) -> None:
    with serve(limits={"connections": 10}) as client, connect(client) as idle, ExitStack() as stack:
        client.close()
        ask_health(idle)
        silent = [stack.enter_context(connect(client)) for _ in range(30)]
        assert silent[0].recv(1) == b""
        ask_health(idle)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        HEAD.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length"),
        b"\x00rubbish\r\n\r\n",
    ],
    ids=["answered", "refused", "no HTTP"],
)
def test_connection_that_is_gone_is_freed_without_the_collector(client: httpx.Client, sent: bytes) -> None:
    def gone() -> list[PatientProtocol]:
        objects = [one for one in gc.get_objects() if issubclass(type(one), PatientProtocol)]
        return [connection for connection in objects if connection.transport.is_closing()]

    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            assert len(exchange(client, sent)) == 1
        wait_until(lambda: not gone())
    finally:
        gc.enable()


def test_limit_of_open_files_follows_the_connections() -> None:
    code = (
        "import resource; from serving.connection import allow_open_files\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 900))\n"
        "for wanted in (10, 100, 5000): allow_open_files(wanted); print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n") == ["(510, 900)", "(600, 900)", "(900, 900)", ""]


def test_pipelined_requests_are_answered_in_their_order(client: httpx.Client) -> None:
    paths = ["/healthz", "/nowhere", "/v2"] * 100
    asked = [f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {n}\r\n\r\n" for n, path in enumerate(paths)]
    found = exchange(client, "".join(asked).encode() + b"GET / HTTP/2.0\r\n\r\n")
    assert [answer.headers["x-request-id"] for answer in found[:-1]] == [str(number) for number in range(300)]
    assert [answer.status for answer in found] == [200, 404, 200] * 100 + [505]


def test_pipelined_requests_wait_with_the_client_that_sends_them(serve: Serve) -> None:
    ask = b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" * 1000
    with serve(limits={"answer_seconds": 1}) as client, connect(client) as greedy:
        greedy.settimeout(0.5)
        sent = 0
        with suppress(OSError):  # the system takes no more
            while sent < 100_000_000:
                sent += greedy.send(ask)
        assert sent < 100_000_000
        assert client.get("/healthz").status_code == 200


def test_body_is_asked_for_only_when_it_will_be_read(serve: Serve, photo: bytes) -> None:
    head = f"POST /detect HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(photo)}\r\n\r\n".encode()
    with serve(limits={"image_bytes": len(photo)}) as client:
        with connect(client) as connection:
            connection.sendall(head)
            assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
            connection.sendall(photo)
            assert connection.recv(12) == b"HTTP/1.1 200"
        with connect(client) as connection:
            connection.sendall(head.replace(b"Content-Length: ", b"Content-Length: 1"))
            assert connection.recv(12) == b"HTTP/1.1 413"


EARLY = {
    "404": b"POST /nowhere HTTP/1.1\r\nHost: x\r\n",
    "401": b"POST /detect HTTP/1.1\r\nHost: x\r\n",
    "405": b"PUT /detect HTTP/1.1\r\nHost: x\r\nX-API-Key: one\r\n",
    "413": b"POST /detect HTTP/1.1\r\nHost: x\r\nX-API-Key: one\r\n",
    "415": b"POST /detect HTTP/1.1\r\nHost: x\r\nX-API-Key: one\r\nContent-Type: text/html\r\n",
    "422": b"POST /detect?format=x HTTP/1.1\r\nHost: x\r\nX-API-Key: one\r\n",
    "200": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
}
CHUNK = b"400\r\n" + b"x" * 1024 + b"\r\n"


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


FAULTS: dict[str, Callable[[socket.socket], object]] = {
    "malformed chunk": lambda connection: connection.sendall(b"zz\r\n"),
    "malformed chunk, then more": lambda connection: connection.sendall(b"zz\r\n" + CHUNK * 100),
    "half an end": lambda connection: connection.sendall(b"0\r\n\n"),
    "end of what it sends": lambda connection: connection.shutdown(socket.SHUT_WR),
    "gone": lambda connection: connection.close(),
    "reset": _reset,
    "malformed next request": lambda connection: connection.sendall(b"0\r\n\r\nGET\r\n\r\n"),
    "more than it announced": lambda connection: connection.sendall(b"0\r\n\r\n" + b"x" * 100_000),
}


@pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"])
def test_no_fault_of_a_client_is_logged_as_one_of_the_server(
    serve: Serve, caplog: pytest.LogCaptureFixture, close: bytes
) -> None:
    security = {"keys": ["shop:" + key_hash("one")]}
    with caplog.at_level(logging.INFO), serve(limits={"image_bytes": 2000}, security=security) as client:
        for status, head in EARLY.items():
            for fault in FAULTS.values():
                for early in (True, False):  # whether the answer is seen before the fault
                    with connect(client) as connection, suppress(ConnectionError):
                        sent = head + close + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNK
                        connection.sendall(sent + CHUNK if status == "413" else sent)
                        if early:
                            assert connection.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())
                        fault(connection)
                        if connection.fileno() != -1:
                            read_all(connection)
        assert client.get("/healthz").status_code == 200
    troubles = [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info]
    assert [record.getMessage() for record in troubles] == []
    lines = [fields for record in caplog.records if (fields := getattr(record, "fields", None))]
    assert len(lines) > len(EARLY) * len(FAULTS)
    assert {line["outcome"] for line in lines}.isdisjoint({"internal-error"})


def test_data_behind_the_last_request_does_not_lose_its_answer(client: httpx.Client, photo: bytes) -> None:
    head = f"POST /detect HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(photo)}\r\n\r\n"
    with connect(client) as connection:
        connection.sendall(head.encode() + photo)
        time.sleep(0.01)
        connection.sendall(b"\r\n")  # as old clients do
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_answer_that_is_not_taken_is_held_for_a_time_only(
    serve: Serve, noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serve(
        limits={"answer_seconds": 1}, queue={"bytes": 2 * len(noise) + 1_000_000, "deadline_seconds": 600}
    ) as client:
        with connect(client) as lazy:
            ask_noise(lazy, noise)
            refused = client.post("/detect?max_side=768", content=noise)
            assert refused.json()["code"] == "queue-full"
            give_up = time.monotonic() + 60
            while "\neast_held_bytes 0.0\n" not in (text := client.get("/metrics").text):
                assert time.monotonic() < give_up
                time.sleep(0.02)
            assert 'operation="/detect",outcome="client-gone",status="200"} 1.0' in text
            assert len(read_all(lazy)) < len(noise)
        assert client.post("/detect?max_side=768", content=noise).status_code == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
