"""Memory that two processes see. It has no name, so that nothing is left of it when both are gone, however they end."""

from __future__ import annotations

import mmap
import os
from typing import Final
from weakref import finalize

import numpy as np
from numpy.typing import NDArray

AVAILABLE: Final = hasattr(os, "memfd_create")
"""Whether this system has such memory: Linux."""

_STEP: Final = 1 << 20


class Room:
    """One process' view of such memory, which grows as it is needed.

    Args:
        descriptor: of the memory; without it there is new one. It is closed with this object.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = os.memfd_create("east") if descriptor is None else descriptor
        self._map: mmap.mmap | None = None
        finalize(self, os.close, self.descriptor)

    def array(self, size: int) -> NDArray[np.uint8]:
        """Its first ``size`` bytes. Arrays given out before stay what they are."""
        if self._map is None or len(self._map) < size:
            there = os.fstat(self.descriptor).st_size
            if there < size:
                there = -(-size // _STEP) * _STEP
                os.ftruncate(self.descriptor, there)
            self._map = mmap.mmap(self.descriptor, there)
        return np.frombuffer(self._map, np.uint8, size)
