"""Which images the arguments of ``east detect`` mean, and what each is called."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ..files import IMAGE_SUFFIXES
from ..folders import files_below
from ..outputs import fold

_log = logging.getLogger(__name__)


class InputImage(NamedTuple):
    """One image to read.

    Attributes:
        path: to read it from, None for standard input.
        name: what it is called in results, which no other image is.
        stem: path, in the folders that are written to, of the files about it, without a suffix; its own, also where
            the case of letters tells no files apart.
    """

    path: Path | None
    name: str
    stem: str


def find_images(inputs: list[str], written: Collection[Path] = ()) -> list[InputImage]:
    """The images meant by the arguments; a folder stands for the image files in it and below it, sorted by name.

    Left out of a folder are hidden files and folders, the folders ``written`` to, and what an earlier call has drawn
    or cut out, unless there is nothing else: then that is what is meant. A file that is named is always taken.

    Raises ``OSError`` for a file that is missing or a folder that cannot be read, and ``ValueError`` for a folder
    without images, before anything is computed.
    """
    names: dict[str, int] = {}
    stems: dict[str, int] = {}
    sources = []
    for path, wanted in (found for text in inputs for found in _expand(text, written)):
        name = _unique(wanted, names, str)
        sources.append(InputImage(path, name, _unique(str(Path(name).with_suffix("")), stems, fold)))
    return sources


def _expand(text: str, written: Collection[Path]) -> Iterator[tuple[Path | None, str]]:
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
    files = files_below(path, IMAGE_SUFFIXES, written)
    if not files:
        raise ValueError(f"{text}: no images in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
    from ..images.signature import is_signed

    drawn = {file for file in files if is_signed(file)}
    if 0 < len(drawn) < len(files):
        _log.info("%s: %d pictures that an earlier call has drawn or cut out are left out", text, len(drawn))
        files = [file for file in files if file not in drawn]
    for file in files:
        yield file, file.relative_to(path).as_posix()


def _unique(name: str, taken: dict[str, int], key: Callable[[str], str]) -> str:
    """``name``, or if it is taken ``name-2`` and so on; ``taken`` counts those given, by what ``key`` tells apart."""
    path, unique = Path(name), name
    while key(unique) in taken:
        taken[key(name)] += 1
        unique = str(path.with_name(f"{path.stem}-{taken[key(name)]}{path.suffix}"))
    taken[key(unique)] = 1
    return unique
