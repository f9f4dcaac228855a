"""Messages between processes: any values over a socket, what is large in them through memory that both see."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

import numpy as np

from .room import Room

_HEADER: Final = Struct("=QQ")
"""The bytes of a message, and how many arrays lie on the desk; their lengths follow, then the message."""

_ALIGNED: Final = 64
"""Bytes: each array begins at a multiple, as compiled functions want it."""


def send(connection: socket.socket, message: Any, desk: Room | None = None, descriptors: Sequence[int] = ()) -> None:
    """Sends a message.

    Args:
        connection: to the other process.
        message: what can be pickled.
        desk: where its arrays are put, in place of the message; the other side must have been heard since the last.
        descriptors: of files that are open here, to be there as well.

    Raises:
        OSError: nobody is there any more.
    """
    arrays: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=None if desk is None else arrays.append)
    contents = [array.raw() for array in arrays]
    lengths = np.array([len(content) for content in contents], np.int64)
    starts = _starts(lengths)
    if desk is not None and starts[-1]:
        memory = desk.array(int(starts[-1]))
        for start, content in zip(starts.tolist(), contents, strict=False):
            if len(content):
                memory[start : start + len(content)] = np.frombuffer(content, np.uint8)
    header = _HEADER.pack(len(body), len(lengths))
    if descriptors:
        socket.send_fds(connection, [header], descriptors)
        header = b""
    connection.sendall(header + lengths.tobytes() + body)


def receive(connection: socket.socket, desk: Room | None = None) -> tuple[Any, list[int]]:
    """Waits for a message. Its arrays lie on the desk, and are gone with the next one.

    Returns:
        the message, and descriptors that came with it.

    Raises:
        EOFError: nobody is there any more.
    """
    header, descriptors, _, _ = socket.recv_fds(connection, _HEADER.size, 1)
    header += bytes(_received(connection, _HEADER.size - len(header))) if header else b""
    if not header:
        raise EOFError
    size, count = _HEADER.unpack(header)
    content = _received(connection, 8 * count + size)
    lengths = np.frombuffer(content[: 8 * count], np.int64)
    starts = _starts(lengths)
    memory = np.empty(0, np.uint8) if desk is None or not starts[-1] else desk.array(int(starts[-1]))
    arrays = [
        memory[start : start + length].data for start, length in zip(starts.tolist(), lengths.tolist(), strict=False)
    ]
    return pickle.loads(content[8 * count :], buffers=arrays), descriptors  # noqa: S301  the two know each other


def _starts(lengths: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where arrays of so many bytes begin, and where the last of them ends."""
    return np.cumsum(np.concatenate([[0], lengths + -lengths % _ALIGNED]))


def _received(connection: socket.socket, length: int) -> memoryview:
    content = memoryview(bytearray(length))
    at = 0
    while at < length:
        came = connection.recv_into(content[at:], 0, socket.MSG_WAITALL)
        if not came:
            raise EOFError
        at += came
    return content
