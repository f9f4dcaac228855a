"""The example that asks a running service."""

from __future__ import annotations

from tests.test_examples import run

from .conftest import Serve


def test_a_service_is_asked(serve: Serve) -> None:
    with serve() as client:
        assert run("ask_service.py", client.base_url, "demo/shop.jpg").startswith("demo/shop.jpg: 21 words")
