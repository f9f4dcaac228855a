"""The admin port answers whatever the service's own port is doing."""

from __future__ import annotations

import re
import signal
import socket
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import httpx
import pytest

from serving.connection import allow_open_files
from tests.serving.conftest import wait_until
from tests.serving.processes import Server, start

if TYPE_CHECKING:
    from east import TextDetector

# the service with an operation that stops its event loop for three seconds, and one that tells of its garbage
STALLING = """
import gc, runpy, time
import serving.heartbeat, serving.process

make = serving.process.create_app

async def stall():
    time.sleep(3)

def create_app(*args, **options):
    app = make(*args, **options)
    app.add_api_route("/stall", stall)
    app.add_api_route("/walked", lambda: [len(gc.get_objects()), gc.get_freeze_count()])
    return app

serving.heartbeat.STALLED_SECONDS = 1
serving.process.create_app = create_app
runpy.run_module("serving", run_name="__main__", alter_sys=True)
"""


@pytest.fixture(autouse=True)
def converted(detector: TextDetector) -> None:
    """The processes find the network converted."""


def admin_client(server: Server) -> httpx.Client:
    [url] = re.findall(r"probes and metrics on (http://[\d.:]+)", "".join(server.lines))
    return httpx.Client(base_url=url, timeout=30)


def code(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


def test_it_answers_while_the_other_port_is_flooded_and_while_the_event_loop_stalls() -> None:
    allow_open_files(1500)
    flags = ["--admin-port", "0", "--limits.connections", "3"]
    with start(*flags, program=("-c", STALLING)) as server, admin_client(server) as admin, ExitStack() as flood:
        assert server.client.get("/healthz").status_code == 200
        assert server.client.get("/readyz").status_code == 200
        assert server.client.get("/metrics").status_code == 404
        assert "/metrics" not in server.client.get("/openapi.json").json()["paths"]
        address = (server.client.base_url.host, server.client.base_url.port or 0)
        for _ in range(5):
            half_open = flood.enter_context(socket.create_connection(address))
            half_open.sendall(b"GET / HTTP/1.1\r\nHost:")
        for path in ("/healthz", "/readyz", "/metrics"):
            assert admin.get(path).status_code == 200
            head = admin.head(path)
            assert (head.status_code, head.content) == (200, b"")
        told = admin.get("/metrics").text.partition("\neast_connections ")[2].partition("\n")[0]
        assert float(told) in (3, 4), told  # three, and perhaps one that is being refused
        assert admin.get("/").status_code == admin.post("/detect").status_code == 404

        stalling = threading.Thread(target=server.client.get, args=["/stall"])
        stalling.start()
        wait_until(lambda: admin.get("/healthz").status_code == 503)
        assert code(admin.get("/healthz")) == "stalled"
        assert "process_resident_memory_bytes" in admin.get("/metrics").text
        malformed = [flood.enter_context(socket.create_connection(address, timeout=60)) for _ in range(1000)]
        for connection in malformed:
            connection.sendall(b"\x00rubbish\r\n\r\n")
        assert admin.get("/readyz").status_code == 200
        stalling.join()
        wait_until(lambda: admin.get("/healthz").status_code == 200)
        for connection in malformed:
            with suppress(ConnectionResetError):
                assert connection.recv(12) in (b"", b"HTTP/1.1 400", b"HTTP/1.1 503")
        assert server.client.get("/healthz").status_code == admin.get("/healthz").status_code == 200

        walked, kept = server.client.get("/walked").json()  # by a collection, which holds every thread
        assert walked < kept / 4


def test_it_answers_until_the_process_has_drained() -> None:
    flags = ["--admin-port", "0", "--shutdown-seconds", "3"]
    with start(*flags) as server, admin_client(server) as admin, socket.socket() as slow:
        slow.connect((server.client.base_url.host, server.client.base_url.port))
        slow.sendall(b"POST /detect HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
        wait_until(lambda: "east_requests_in_flight 1.0" in admin.get("/metrics").text)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: admin.get("/readyz").status_code == 503)
        assert code(admin.get("/readyz")) == "shutting-down"
        assert admin.get("/healthz").status_code == 200
        server.ended()
        with pytest.raises(httpx.ConnectError), httpx.Client(base_url=admin.base_url) as late:
            late.get("/healthz")


def test_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with start("--admin-port", str(taken.getsockname()[1]), ready=False) as server:
            assert server.ended() == 1
        [line] = server.lines
        assert "--admin-port" in line
        assert "Address already in use" in line
