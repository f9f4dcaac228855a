"""How many processor cores there are for this process, and how its threads take turns at the interpreter."""

from __future__ import annotations

import math
import os
import sys
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_TURN_SECONDS = 0.0005


def usable_cores() -> int:
    """The cores that this process may use at a time, at least 1.

    The fewest of those of the machine, those that it is bound to (``taskset``, ``--cpuset-cpus``), and what a
    container is granted (``--cpus``, the ``limits`` of a pod), a part of a core counted as a whole one.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, math.ceil(min(bound, _granted(_CGROUP))))


def take_short_turns() -> None:
    """Has a thread leave the interpreter to others that want it after half a millisecond, in place of Python's five.

    Threads that wait for a network, a file or a socket need it often, and briefly. It holds for the whole process, so
    it is for programs to call.
    """
    sys.setswitchinterval(_TURN_SECONDS)


def _granted(root: Path) -> float:
    """The share of time that a container's group has, in cores, by either version of control groups; else infinity."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (root / "cpu.max").read_text().split()
        return float(quota) / float(period) if quota != "max" else math.inf
    with suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = ((root / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        return float(quota) / float(period) if float(quota) > 0 else math.inf
    return math.inf
