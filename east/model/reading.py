"""Files of weights: whatever keeps one from being read is told as `WeightsError`, never as an ``OSError``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
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
    from google.protobuf.message import DecodeError

    with reading(path):
        content = path.read_bytes()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise WeightsError(f"{path} is damaged or not {what}") from error
    return message


@contextmanager
def plainly_named(path: Path, files: Mapping[str, Path] | None = None) -> Iterator[Path]:
    """A path that TensorFlow, which takes paths for patterns, finds the same thing under.

    Args:
        path: of a folder, or what the names of several files begin with.
        files: these, by what follows in their names.
    """
    if not any(character in str(path) for character in "*?[]\\"):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="east-") as folder:
        plain = Path(folder) / "model"
        for suffix, file in ({"": path} if files is None else files).items():
            plain.with_name(plain.name + suffix).symlink_to(file.absolute())
        yield plain


def load_saved_model(folder: Path) -> Any:
    """``tf.saved_model.load`` of a folder of whatever name."""
    from ..frameworks import tensorflow

    with plainly_named(folder) as plain:
        return tensorflow().saved_model.load(str(plain))
