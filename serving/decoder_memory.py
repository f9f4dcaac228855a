"""Memory in which a process that decodes leaves images: a socket takes as long for them as decoding does."""

from __future__ import annotations

import fcntl
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from mmap import mmap
from typing import Final
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

ROOM: Final = 4 * 2**20
"""Bytes of a room: an image of 1280x1088. Those that are larger come over the socket."""

_ROOMS: Final = 6
"""As many images of one process wait for the network without another being sent over the socket."""


class DecoderMemory:
    """Rooms that one process writes into, each for one image at a time; none where the system gives no such memory."""

    def __init__(self) -> None:
        self._descriptors: list[int] = []
        with suppress(OSError, AttributeError):  # it has none left, or is no Linux
            for _ in range(_ROOMS):
                self._descriptors.append(_sealed())
        self._rooms = [mapped(descriptor) for descriptor in self._descriptors]
        self._free = deque(range(len(self._rooms)))

    @contextmanager
    def handed_over(self) -> Iterator[list[int]]:
        """The descriptors that the process is to inherit; they are closed here afterwards."""
        try:
            yield self._descriptors
        finally:
            while self._descriptors:
                os.close(self._descriptors.pop())

    def take(self, size: int) -> int | None:
        """The number of a room for so many bytes; None where there is none."""
        return self._free.popleft() if self._free and 0 < size <= ROOM else None

    def array(self, number: int, size: int) -> NDArray[np.uint8]:
        """What lies in a room, uint8; the room is free again when nobody refers to this or to views of it.

        Raises ``ValueError`` where that is more than fits.
        """
        found = np.frombuffer(self._rooms[number].data, np.uint8, size)
        finalize(found, self._free.append, number).atexit = False
        return found


def mapped(descriptor: int) -> NDArray[np.uint8]:
    """A room as the process at hand sees it."""
    return np.frombuffer(mmap(descriptor, ROOM), np.uint8)


def _sealed() -> int:
    """New memory whose size nobody can change, lest reading it crash this process."""
    descriptor = os.memfd_create("east-decoder", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, ROOM)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
