"""The processes that were started beside a detector's: which there are, and their end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_START = b"east.workers.process"


def beside(parent: int) -> set[int]:
    """The processes that were started beside a detector's, and are not quite gone."""
    return {one for one, (state, owner, command) in _processes().items() if owner == parent and _START in command}


def _processes() -> dict[int, tuple[str, int, bytes]]:
    """State, parent and command of each."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state = (path / "stat").read_text().rpartition(")")[2].split()
            found[int(path.name)] = (state[0], int(state[1]), (path / "cmdline").read_bytes())
    return found


def end(pids: set[int]) -> None:
    """Kills processes, and waits until that is done."""
    for one in pids:
        os.kill(one, signal.SIGKILL)
    assert until(lambda: all(_processes().get(one, ("Z",))[0] == "Z" for one in pids))


def until(holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold, in a time that no machine should need."""
    end = time.monotonic() + 60
    while not (held := holds()) and time.monotonic() < end:
        time.sleep(0.02)
    return held
