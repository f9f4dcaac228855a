"""Real servers on loopback: uvicorn as `python -m serving` sets it up, in a thread, around the shared detector."""

from __future__ import annotations

import asyncio
import io
import runpy
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from PIL import Image

from east import TextDetector
from east.reading import Recogniser
from serving.app import create_app
from serving.process import uvicorn_config
from serving.settings import Settings

Serve = Callable[..., AbstractContextManager[httpx.Client]]
Refused = Callable[..., list[str]]


def wait_until(condition: Callable[[], object]) -> None:
    """Waits, though not for ever."""
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def shape(value: Any) -> Any:
    """The names in a JSON document, without its values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def thumbnail(path: Path, side: int) -> bytes:
    """A picture as a JPEG with a longer side of so many pixels."""
    with Image.open(path) as image:
        image.thumbnail((side, side))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG")
    return buffer.getvalue()


@contextmanager
def running(detector: Any, *, reads: Recogniser | None = None, **options: Any) -> Iterator[httpx.Client]:
    """A server with these settings, and what reads words, if given; gives a client for it."""
    settings = Settings(**{"port": 0, "log_level": "warning", "warm_up": ["32x32"], **options})
    server = uvicorn.Server(uvicorn_config(settings, create_app(settings, detector, recogniser=reads)))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def serve(detector: TextDetector) -> Serve:
    """``with serve(option=value) as client`` runs a server of its own, ready to detect."""

    @contextmanager
    def ready(instead: Any = None, **options: Any) -> Iterator[httpx.Client]:
        with running(instead or detector, **options) as client:
            while client.get("/readyz").status_code != 200:
                time.sleep(0.02)
            yield client

    return ready


@pytest.fixture(scope="session")
def client(serve: Serve) -> Iterator[httpx.Client]:
    """A client of a server with default settings, shared by all tests."""
    with serve() as client:
        yield client


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    """``refused(*flags)``: what `python -m serving` says of flags that it refuses with status 2, line by line."""

    def told(*flags: str) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["serving/__main__.py", *flags])
        with pytest.raises(SystemExit) as stop:
            runpy.run_module("serving", run_name="__main__")
        out, err = capsys.readouterr()
        assert (stop.value.code, out) == (2, "")
        return list(err.splitlines())

    return told


@pytest.fixture(scope="session")
def photo(demo_images: list[Path]) -> bytes:
    """A small image with words in it."""
    return thumbnail(demo_images[0], 480)
