"""Files of weights: whatever keeps one from being read is told as `WeightsError`, never as an ``OSError``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import WeightsError


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """A block that reads ``path``, or files in it: an ``OSError`` becomes a `WeightsError` naming the file."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"cannot read weights {error.filename or path}: {error.strerror or error}") from error


def read_message(path: Path, message: Any, what: str) -> Any:
    """Reads a file into an empty protocol buffer and returns it; ``what`` it holds is for the `WeightsError`."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    with reading(path):
        content = path.read_bytes()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise WeightsError(f"{path} is damaged or not {what}") from error
    return message
