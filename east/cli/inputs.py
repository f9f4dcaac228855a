"""Which images the arguments of ``east detect`` mean, and what each is called."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..console import one_line
from ..files import IMAGE_SUFFIXES

_log = logging.getLogger(__name__)


class InputImage(NamedTuple):
    """One image to read.

    Attributes:
        path: to read it from, None for standard input.
        name: what it is called in results, which no other image is.
        stem: path, in the folders that are written to, of the files about it, without a suffix; likewise its own.
    """

    path: Path | None
    name: str
    stem: str


def find_images(inputs: list[str]) -> list[InputImage]:
    """The images meant by the arguments; a folder stands for the image files in it, sorted by name.

    Raises ``OSError`` for a file that is missing or a folder that cannot be read, and ``ValueError`` for a folder
    without images, before anything is computed.
    """
    names: dict[str, int] = {}
    stems: dict[str, int] = {}
    sources = []
    for path, wanted in (found for text in inputs for found in _expand(text)):
        name = _unique(wanted, names)
        sources.append(InputImage(path, name, _unique(str(Path(name).with_suffix("")), stems)))
    return sources


def _expand(text: str) -> Iterator[tuple[Path | None, str]]:
    """Paths and names."""
    if text == "-":
        yield None, "stdin"
        return
    path = Path(text)
    if not text or not path.exists():
        raise FileNotFoundError(2, "no such file", text or "''")
    if not path.is_dir():
        yield path, path.name
        return
    files = sorted(p for p in _walk(path) if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    if not files:
        raise ValueError(f"{text}: no images in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
    for file in files:
        yield file, file.relative_to(path).as_posix()


def _walk(folder: Path) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        if error.filename == str(folder):
            raise error
        _log.warning("%s; its images are left out", one_line(error))

    for place, _, names in os.walk(folder, onerror=failed):
        yield from (Path(place, name) for name in names)


def _unique(name: str, taken: dict[str, int]) -> str:
    """``name``, or if it is taken ``name-2`` and so on; ``taken`` counts the names given."""
    path, unique = Path(name), name
    while unique in taken:
        taken[name] += 1
        unique = str(path.with_name(f"{path.stem}-{taken[name]}{path.suffix}"))
    taken[unique] = 1
    return unique
