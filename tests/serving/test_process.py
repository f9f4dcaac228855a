"""`python -m serving` as an operator runs it: started, stopped, starved and killed."""

from __future__ import annotations

import io
import json
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from east import TextDetector
from tests.serving.processes import Server, start


@pytest.fixture(autouse=True)
def converted(detector: TextDetector) -> None:
    """The processes find the network converted."""


def blank() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    return buffer.getvalue()


def stop_under_load(server: Server) -> list[int | str]:
    """Tells the server to stop while clients ask without a pause. Returns what they were answered."""
    stopping = threading.Event()
    outcomes: list[int | str] = []

    def call() -> None:
        with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
            while True:
                try:
                    outcomes.append(client.post("/detect", content=blank()).status_code)
                except httpx.ConnectError:
                    assert stopping.is_set()
                    return
                except httpx.TransportError as error:
                    outcomes.append(repr(error))
                    return

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(call) for _ in range(8)]
        server.wait_until(lambda: len(outcomes) > 8)
        stopping.set()
        server.process.send_signal(signal.SIGTERM)
        server.ended()
        for done in calls:
            done.result()
    return outcomes


def test_stop_under_load_loses_no_accepted_request() -> None:
    with start("--threads", "1", "--shutdown-seconds", "3") as server, socket.socket() as slow:
        slow.connect((server.client.base_url.host, server.client.base_url.port))
        slow.sendall(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        outcomes = stop_under_load(server)
        assert set(outcomes) == {200}
        answered = [json.loads(line) for line in server.lines if '"/detect", "status": 200' in line]
        assert len(answered) == len(outcomes)
        assert all(json.loads(line) for line in server.lines)
        told = slow.recv(65536)  # its time was over before its image had arrived
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"shutting-down" in told


def test_full_disk_does_not_matter(photo: bytes) -> None:
    command = [sys.executable, "-m", "serving", "--port", "0", "--warm-up", "32x32", "--limits.image-bytes", "40000000"]
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(command, stdout=full, stderr=subprocess.DEVNULL) as process,
    ):
        try:
            port = wait_for_port(process.pid)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                while client.get("/readyz").status_code != 200:
                    time.sleep(0.05)
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))  # from now on nothing can be written
                large = photo + bytes(30_000_000)
                assert client.post("/detect", files={"image": large}).json()["boxes"]
                assert client.post("/detect", content=large).json()["boxes"]
                assert client.post("/detect", params={"format": "image/png"}, content=photo).status_code == 200
                assert client.get("/metrics").status_code == 200
        finally:
            process.terminate()


def wait_for_port(pid: int) -> int:
    """The port a process listens on, from /proc, where its log cannot be read."""
    while True:
        inodes = set()
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            try:
                inodes.add(str(fd.readlink()).removeprefix("socket:[").removesuffix("]"))
            except FileNotFoundError:
                continue
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in inodes:
                return int(fields[1].partition(":")[2], 16)
        time.sleep(0.05)


def test_dead_runtime_ends_the_process() -> None:
    with start("--queue.stuck-seconds", "0.000001") as server:
        answer = server.client.post("/detect", content=blank())
        assert answer.status_code == 503
        assert answer.json()["code"] == "runtime-failed"
        assert server.ended() == 1
        assert any(json.loads(line)["level"] == "critical" for line in server.lines)


def test_detector_that_cannot_be_loaded_ends_the_process() -> None:
    with start("--weights", "no-such-weights", ready=False) as server:
        assert server.ended() == 1
        [critical] = [line for line in map(json.loads, server.lines) if line["level"] == "critical"]
        assert "no-such-weights" in critical["message"]
        assert not any("Traceback" in line for line in server.lines)


def test_debug_shows_why_it_cannot_start() -> None:
    with start("--weights", "no-such-weights", "--debug", ready=False) as server:
        assert server.ended() == 1
        [critical] = [line for line in map(json.loads, server.lines) if line["level"] == "critical"]
        assert critical["exception"].startswith("Traceback")


def test_port_that_is_taken(client: httpx.Client) -> None:
    command = [sys.executable, "-m", "serving", "--port", str(client.base_url.port)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 1
    assert "address already in use" in run.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_processes_that_decode_end_with_it(number: signal.Signals) -> None:
    with start() as server:
        pid = server.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert len(children) >= 2
        assert server.client.post("/detect", content=blank()).status_code == 200
        server.process.send_signal(number)
        server.ended()
        server.wait_until(lambda: not any(Path("/proc", child).exists() for child in children))
