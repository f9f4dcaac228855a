"""`python -m serving` as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import httpx


class Server:
    """A running `python -m serving`, its log and a client for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.wait_until(lambda: self.url or process.poll() is not None)
        self.client = httpx.Client(base_url=self.url or "http://nowhere", timeout=60)

    @property
    def url(self) -> str | None:
        return next((match[1] for line in self.lines if (match := re.search(r"running on (http://[^ ]+)", line))), None)

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as log:
            for line in log:
                self.lines.append(line)

    def ready(self) -> bool:
        return self.client.get("/readyz").status_code == 200

    def wait_until(self, condition: Callable[[], object]) -> None:
        give_up = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < give_up, "".join(self.lines)
            time.sleep(0.05)

    def ended(self) -> int:
        status = self.process.wait(120)
        self._reader.join()
        return status


@contextmanager
def start(*flags: str, ready: bool = True, program: Sequence[str] = ("-m", "serving")) -> Iterator[Server]:
    """A server process, stopped in the end; ``program`` is what Python is to run."""
    options = ["--port", "0", "--warm-up", "32x32", "--log-format", "json", *flags]
    command = [sys.executable, *program, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    server = Server(process)
    try:
        if ready:
            server.wait_until(lambda: process.poll() is not None or server.ready())
            assert process.poll() is None, "".join(server.lines)
        yield server
    finally:
        process.terminate()
        server.ended()
        server.client.close()
