"""Messages between processes, over a socket: any values, their arrays sent from where they lie."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

import numpy as np

_HEADER: Final = Struct("=Q")
"""How many parts a message has; their lengths follow, and then they."""

_ALIGNED: Final = 64
"""Bytes: each part begins at a multiple, as compiled functions want arrays."""

_AT_ONCE: Final = 512
"""Parts given to the system at once: it takes 1024."""


def send(connection: socket.socket, message: Any, descriptors: Sequence[int] = ()) -> None:
    """Sends a message, and with it descriptors of files that are open here. Raises ``OSError``."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    lengths = np.array([len(part) for part in parts], np.uint64)
    socket.send_fds(connection, [_HEADER.pack(len(parts))], descriptors)
    padded = [lengths.data.cast("B")]
    for part in parts:
        padded += [part, memoryview(bytes(-len(part) % _ALIGNED))]
    left = [part for part in padded if len(part)]
    while left:
        sent = connection.sendmsg(left[:_AT_ONCE])
        while left and sent >= len(left[0]):
            sent -= len(left.pop(0))
        if sent:
            left[0] = left[0][sent:]


def receive(connection: socket.socket) -> tuple[Any, list[int]]:
    """Waits for a message, and for descriptors that come with it. Raises ``EOFError`` when nobody is there any more."""
    header, descriptors, _, _ = socket.recv_fds(connection, _HEADER.size, 1)
    if len(header) < _HEADER.size:
        header += bytes(_received(connection, _HEADER.size - len(header)))
    (count,) = _HEADER.unpack(header)
    lengths = np.frombuffer(_received(connection, 8 * count), np.uint64).astype(np.int64)
    starts = np.cumsum([0, *(lengths + -lengths % _ALIGNED)])
    content = _received(connection, int(starts[-1]))
    body, *buffers = (content[start : start + length] for start, length in zip(starts, lengths, strict=False))
    return pickle.loads(body, buffers=buffers), descriptors  # noqa: S301  of a process that this one started


def _received(connection: socket.socket, length: int) -> memoryview:
    content = np.empty(length, np.uint8).data
    at = 0
    while at < length:
        came = connection.recv_into(content[at:], 0, socket.MSG_WAITALL)
        if not came:
            raise EOFError
        at += came
    return content
