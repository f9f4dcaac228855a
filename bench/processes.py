"""Processes that a benchmark starts, which end with it, however it ends, and what they use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_LAST_SECONDS = 60
_WATCHED = f"""
import os, runpy, signal, sys, threading, time

def end_with_whoever_started_this():
    os.read(0, 1)  # nothing ever comes, until the other end is closed, or gone
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep({_LAST_SECONDS})
    os._exit(1)

threading.Thread(target=end_with_whoever_started_this, daemon=True).start()
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""


@contextmanager
def running(module: str, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """``python -m MODULE ARGUMENTS`` for as long as the context lasts; SIGTERM is what tells it that it is over.

    It is told so, too, when this process is killed, or dies.

    Args:
        module: what to run.
        arguments: for it.
        options: of ``subprocess.Popen``, but for its standard input.
    """
    command = [sys.executable, "-c", _WATCHED, module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **options) as process:
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait()


class Usage(NamedTuple):
    """Processor seconds and page faults, of a process and of those that it started."""

    here: float
    beside: float
    faults: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Until now, as far as they are known to the system, which counts in hundredths of a second."""
        here = beside = 0.0
        faults = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                told = path.read_text().rpartition(")")[2].split()
            except OSError:  # it has just ended
                continue
            own, child = int(path.parent.name) == pid, int(told[1]) == pid
            seconds = (int(told[11]) + int(told[12])) / _TICKS
            here, beside = here + own * seconds, beside + child * seconds
            faults += (own or child) * int(told[7])
        return cls(here, beside, faults)
