"""How much memory this process may have, and how large an image may be for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

GIB = 2**30

BYTES_PER_PIXEL = 16
"""Memory that an image takes while it is decoded and drawn on, its copies included."""

_OWN = 2 * GIB
_LEAST, _MOST = 16_000_000, 128_000_000


def affordable_pixels(memory: int | None = None) -> int:
    """The most pixels that an image may have.

    Args:
        memory: bytes that the service may have with all its processes; looked up when not given.
    """
    memory = available_memory() if memory is None else memory
    return min(_MOST, max(_LEAST, (memory - _OWN) // BYTES_PER_PIXEL))


def available_memory(root: Path = Path("/")) -> int:
    """Bytes of memory that there are, or that the container or service unit may have of them."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    """What control groups allow, version 2 and 1: of the group this process is in, and of those around it."""
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        base = root / "sys/fs/cgroup" / ("memory" if controllers else "")
        name = "memory.limit_in_bytes" if controllers else "memory.max"
        place = Path(group)
        for folder in [place, *place.parents]:
            try:
                text = (base / str(folder).lstrip("/") / name).read_text().strip()
            except OSError:
                continue
            if text.isdecimal():
                yield int(text)
