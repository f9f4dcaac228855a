"""SIGHUP: other keys and settings for a service that is running, and no request lost."""

from __future__ import annotations

import io
import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from PIL import Image

from serving.auth import key_hash
from tests.serving.processes import Server, start

if TYPE_CHECKING:
    from east import TextDetector

OLD, NEW = "old-key", "new-key"


@pytest.fixture(autouse=True)
def converted(detector: TextDetector) -> None:
    """The processes find the network converted."""


def blank() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    return buffer.getvalue()


def status(server: Server, key: str) -> int:
    return server.client.post("/detect", content=blank(), headers={"x-api-key": key}).status_code


def hang_up(server: Server) -> str:
    """Sends SIGHUP; returns what the log says of it."""

    def told() -> list[str]:
        return [line["message"] for line in map(json.loads, server.lines) if line["message"].startswith("reload: ")]

    before = len(told())
    server.process.send_signal(signal.SIGHUP)
    server.wait_until(lambda: len(told()) > before)
    return "\n".join(told()[before:])


def test_keys_are_changed_under_load(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    lines = {key: f"{key}:{key_hash(key)}\n" for key in (OLD, NEW)}
    keys.write_text(lines[OLD])
    done = threading.Event()

    def ask(server: Server, first: str, then: str, threshold: threading.Event) -> list[int]:
        statuses = []
        with httpx.Client(base_url=server.client.base_url, timeout=60) as client:
            while not done.is_set():
                key = then if threshold.is_set() else first
                answer = client.post("/detect", content=blank(), headers={"x-api-key": key})
                statuses.append(answer.status_code)
        return statuses

    with start("--security.keys-file", str(keys)) as server, ThreadPoolExecutor(4) as pool:
        both = threading.Event()
        calls = [pool.submit(ask, server, OLD, NEW, both) for _ in range(4)]
        assert (status(server, OLD), status(server, NEW)) == (200, 401)
        keys.write_text(lines[OLD] + lines[NEW])
        assert "keys: 2" in hang_up(server)
        both.set()
        assert (status(server, OLD), status(server, NEW)) == (200, 200)
        for wrong, complaint in (
            ("shop:secret", "NAME:SHA256"),
            ("# none\n", f"{keys} has no keys"),
            (None, str(keys)),
        ):
            if wrong is None:
                keys.unlink()
            else:
                keys.write_text(wrong)
            assert complaint in hang_up(server)
            assert (status(server, OLD), status(server, NEW)) == (200, 200)
        keys.write_text(lines[NEW])
        assert "keys: 1" in hang_up(server)
        assert (status(server, OLD), status(server, NEW)) == (401, 200)
        done.set()
        answers = [status for call in calls for status in call.result()]
    assert set(answers) == {200}
    assert len(answers) > 20


def test_settings_that_can_change_do(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text("")
    with start("--settings-file", str(file)) as server:
        assert status(server, "") == 200
        file.write_text("EAST_LIMITS__IMAGE_BYTES=10\nEAST_LOG_LEVEL=warning\nEAST_MAX_SIDE=320\n")
        told = hang_up(server)
        assert "--max-side" in told  # needs a new start; what has changed is no warning, and so not logged any more
        assert status(server, "") == 413
        file.write_text("EAST_LIMITS__IMAGE_BYTES=10MB\n")
        assert "--limits.image-bytes" in hang_up(server)
        assert status(server, "") == 413
        file.write_text("EAST_SECURITY__REQUESTS_PER_MINUTE=1\n")
        assert "--security.requests-per-minute" in hang_up(server)
        assert (status(server, ""), status(server, "")) == (200, 429)


def test_nothing_to_reload_is_no_reason_to_end() -> None:
    with start() as server:
        assert "no settings" in hang_up(server)
        assert status(server, "") == 200
