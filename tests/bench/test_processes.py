"""What a benchmark starts ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.hostile import Watch
from bench.processes import running
from tests.serving.conftest import wait_until

STARTING = """
import time
from bench.processes import running
with running("http.server", "0", "--bind", "127.0.0.1") as server:
    print(server.pid, flush=True)
    time.sleep(60)
"""


def command(pid: int) -> str:
    """The command line of a process, nothing when there is none, or only its exit status is left."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_server_ends_with_a_benchmark_that_is_killed(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", STARTING], stdout=subprocess.PIPE, text=True) as benchmark:
        assert benchmark.stdout is not None
        pid = int(benchmark.stdout.readline())
        wait_until(lambda: "http.server" in command(pid))
        benchmark.send_signal(number)
        benchmark.wait()
        wait_until(lambda: "http.server" not in command(pid))


def test_server_ends_with_its_context() -> None:
    with running("http.server", "0", "--bind", "127.0.0.1", stdout=subprocess.PIPE) as server:
        assert server.poll() is None
    assert server.returncode == -signal.SIGTERM


def test_watch_ends_in_the_middle_when_nobody_is_there_any_more() -> None:
    watch = Watch("http://127.0.0.1:9", "http://127.0.0.1:9", os.getpid(), b"")
    watch.start()
    watch.pipe.send("begin")
    watch.pipe.close()
    watch.process.join(60)
    assert watch.process.exitcode == 0
