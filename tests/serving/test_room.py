"""Room for what requests hold: clients that are slow do not keep it from others."""

from __future__ import annotations

import asyncio
import io
import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
from PIL import Image

from serving.context import RequestContext
from serving.problems import Problem
from serving.room import Room
from tests.serving.conftest import wait_until

if TYPE_CHECKING:
    from tests.serving.conftest import Serve

MIB = 2**20


def connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=60)


def held(client: httpx.Client) -> float:
    return float(client.get("/metrics").text.partition("\neast_held_bytes ")[2].split("\n")[0])


def test_bodies_that_do_not_come_keep_no_room_from_others(serve: Serve, photo: bytes) -> None:
    with serve(queue={"bytes": 4 * MIB}) as client, ExitStack() as stack:
        stalled = [stack.enter_context(connect(client)) for _ in range(4)]
        for connection in stalled:
            connection.sendall(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + bytes(MIB - 1))
        wait_until(lambda: held(client) >= 4 * MIB - 4)
        wait_until(lambda: client.post("/detect", content=photo, params={"max_side": 320}).status_code == 200)
        told = stalled[0].recv(65536)
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"took for too long" in told
        stack.close()
        wait_until(lambda: held(client) == 0)
        assert client.post("/detect", content=photo).status_code == 200


def test_bodies_on_their_way_are_not_given_up_for_others(serve: Serve, photo: bytes) -> None:
    with serve(queue={"bytes": 2 * MIB}) as client, connect(client) as steady:
        steady.sendall(f"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: {len(photo) + 6 * MIB}\r\n\r\n".encode())
        steady.sendall(bytes(2 * MIB - 1000))
        wait_until(lambda: held(client) > 1.9 * MIB)
        assert client.post("/detect", content=photo).json()["code"] == "queue-full"


def test_answers_that_are_not_taken_keep_no_room_from_others(serve: Serve, photo: bytes) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1500, 1500, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG", compress_level=1)
    body = buffer.getvalue()
    head = f"POST /detect?format=image/png&max_side=32 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with serve(queue={"bytes": 2 * len(body) + MIB}) as client, connect(client) as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        lazy.sendall(head.encode() + body)
        assert lazy.recv(12) == b"HTTP/1.1 200"
        start = time.monotonic()
        wait_until(lambda: client.post("/detect?max_side=32&format=image/png", content=body).status_code == 200)
        assert time.monotonic() - start < 60
        wait_until(lambda: held(client) == 0)


def test_what_is_let_go_needs_no_room() -> None:
    most = 100

    async def run() -> None:
        nonlocal most
        room = Room(lambda: most)
        with room.holding(RequestContext("a")) as hold:
            hold(90)
            most = 10  # as settings may change
            hold(-50)
            assert room.held == 40
            with pytest.raises(Problem, match="too many bytes"):
                hold(1)
        assert room.held == 0

    asyncio.run(run())
