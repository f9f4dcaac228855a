"""The example that asks a running service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .conftest import Serve

ROOT = Path(__file__).parents[2]


def test_a_service_is_asked(serve: Serve) -> None:
    with serve() as client:
        command = [sys.executable, "examples/ask_service.py", str(client.base_url), "demo/shop.jpg"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True
        )
    assert done.stdout.startswith("demo/shop.jpg: 22 words")
