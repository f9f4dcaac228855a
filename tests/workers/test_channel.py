"""Messages between processes: what comes is what was sent."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from threading import Thread
from typing import Any

import numpy as np
import pytest

from east.errors import ImageDecodeError
from east.workers import room
from east.workers.channel import receive, send
from east.workers.room import Room

pytestmark = pytest.mark.skipif(not room.AVAILABLE, reason="processes beside the detector's need Linux")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def through(ends: tuple[socket.socket, socket.socket], message: Any, *descriptors: int) -> tuple[Any, list[int]]:
    desk = Room()
    sender = Thread(target=send, args=(ends[0], message, desk, descriptors))
    sender.start()
    came = receive(ends[1], Room(os.dup(desk.descriptor)))
    sender.join()
    return came


def test_arrays_come_as_they_were_however_many(ends: tuple[socket.socket, socket.socket]) -> None:
    rng = np.random.default_rng(0)
    arrays: list[Any] = [rng.random((count % 7, 5)).astype(np.float32) for count in range(1500)]
    arrays += [rng.integers(0, 256, (700, 999, 3), np.uint8), np.zeros((0, 4, 2)), np.arange(5)[::2]]
    (came, text), descriptors = through(ends, (arrays, "text"))
    assert (text, descriptors) == ("text", [])
    for one, other in zip(came, arrays, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
        assert one.flags.aligned
        assert one.flags.writeable


def test_errors_come_with_their_class_and_words(ends: tuple[socket.socket, socket.socket]) -> None:
    [error], _ = through(ends, [ImageDecodeError("a.jpg: it is cut off")])
    assert type(error) is ImageDecodeError
    assert str(error) == "a.jpg: it is cut off"


def test_descriptors_come_too(ends: tuple[socket.socket, socket.socket]) -> None:
    reading, writing = os.pipe()
    message, [there] = through(ends, "with a pipe", writing)
    os.close(writing)
    with open(reading, "rb") as pipe, open(there, "wb") as far:  # noqa: PTH123
        far.write(b"through it")
        far.close()
        assert pipe.read() == b"through it"
    assert message == "with a pipe"


def test_the_end_of_the_other_side_is_the_end_of_messages(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(b"\1\0")
    ends[0].close()
    with pytest.raises(EOFError):
        receive(ends[1])
