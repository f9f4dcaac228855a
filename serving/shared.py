"""What the processes of one service share: a folder, in memory so that a full disk cannot hurt."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it when it is first imported


def folder() -> Path | None:
    """The folder; None in a service of one process."""
    name = os.environ.get(_NAME)
    return Path(name) if name else None


@contextmanager
def made() -> Iterator[None]:
    """Makes the folder, for the processes that are started meanwhile."""
    memory = Path("/dev/shm")  # noqa: S108
    path = tempfile.mkdtemp(prefix="east-", dir=memory if os.access(memory, os.W_OK) else None)
    os.environ[_NAME] = path
    try:
        yield
    finally:
        del os.environ[_NAME]
        shutil.rmtree(path, ignore_errors=True)
