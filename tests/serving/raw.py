"""Clients that write and read the bytes of HTTP themselves."""

from __future__ import annotations

import json
import re
import socket
from dataclasses import dataclass
from typing import Any

import httpx


def connect(client: httpx.Client) -> socket.socket:
    assert client.base_url.port is not None
    return socket.create_connection((client.base_url.host, client.base_url.port), timeout=60)


def read_all(connection: socket.socket) -> bytes:
    """What comes until the server closes the connection."""
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@dataclass
class Answer:
    """One answer of a connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["status"] == self.status
        assert problem["request_id"] == self.headers["x-request-id"]
        return problem


def answers(received: bytes) -> list[Answer]:
    """The answers, each of which tells its length, in what a connection was sent."""
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        assert re.match("HTTP/1.1 [1-5][0-9][0-9] ", status), status
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        found.append(Answer(int(status[9:12]), headers, received[:length]))
        received = received[length:]
    return found


def exchange(client: httpx.Client, sent: bytes) -> list[Answer]:
    """What the server answers on a connection of its own, until it closes that."""
    with connect(client) as connection:
        connection.sendall(sent)
        return answers(read_all(connection))
