"""Processes that a benchmark starts, and that end with it, however it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
