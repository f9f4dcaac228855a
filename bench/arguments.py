"""What benchmarks are told: times, numbers, and folders of images, each refused in one line."""

from __future__ import annotations

import argparse
from pathlib import Path

from east.errors import ImageError
from east.images import load_image
from east.images.listing import images_below


def seconds_above_zero(text: str) -> float:
    """Parses a time that is more than none."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text!r}")
    return value


def whole_number(text: str) -> int:
    """Parses a whole number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)


def images_of(folder: Path, most: int | None = None) -> list[tuple[str, bytes]]:
    """The first images of a folder, each by its name and its bytes. Ends the program where there are none."""
    if not folder.is_dir():
        raise SystemExit(f"error: {folder}: no such folder")
    try:
        paths = images_below(folder)[:most]
        for path in paths:
            load_image(path)
    except ImageError as error:
        raise SystemExit(f"error: {error}") from error
    return [(path.name, path.read_bytes()) for path in paths]
