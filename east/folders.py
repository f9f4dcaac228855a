"""The files of a user's folders, without the litter that systems leave in them."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from .console import one_line

_NUMBER = re.compile(r"([0-9]+)")
_LITTER = frozenset(["__MACOSX", "@eaDir", "$RECYCLE.BIN"])

_log = logging.getLogger(__name__)


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden (``._a.jpg``, ``.git``), or made by a system for itself."""
    return name.startswith(".") or name in _LITTER


def natural_order(path: Path) -> list[tuple[str | int, ...]]:
    """A key to sort paths by as people do: ``img_2`` before ``img_10``, whatever the letters' case."""
    parts = (_NUMBER.split(part.casefold()) for part in path.parts)
    return [*(tuple(int(one) if at % 2 else one for at, one in enumerate(part)) for part in parts), (str(path),)]


def files_in(folder: Path, suffixes: Collection[str]) -> list[Path]:
    """The files in ``folder``, not in folders below it, whose suffix is one of these in whatever case, by name.

    A link that leads nowhere is one of them. Raises ``OSError`` for a folder that cannot be read.
    """
    return sorted(path for path in folder.iterdir() if _wanted(path, suffixes))


def files_below(folder: Path, suffixes: Collection[str], left_out: Collection[Path] = ()) -> list[Path]:
    """Like `files_in`, with the folders below it, links to folders and those ``left_out`` aside.

    Raises ``OSError`` for a ``folder`` that cannot be read; for one below it, the log has a warning.
    """
    return sorted(path for path in _walk(folder, left_out) if _wanted(path, suffixes))


def is_one_of(path: Path, others: Collection[Path]) -> bool:
    """Whether a path leads to the same file or folder as one of the others, all of which may be missing."""
    return any(path.samefile(other) for other in others if other.exists()) if path.exists() else False


def _walk(folder: Path, left_out: Collection[Path]) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        if error.filename == str(folder):
            raise error
        _log.warning("%s; its images are left out", one_line(error))

    for place, folders, names in os.walk(folder, onerror=failed):
        folders[:] = [name for name in folders if not is_litter(name) and not is_one_of(Path(place, name), left_out)]
        yield from (Path(place, name) for name in names)


def _wanted(path: Path, suffixes: Collection[str]) -> bool:
    if is_litter(path.name) or path.suffix.lower() not in suffixes or path.is_dir():
        return False
    if path.exists() and not path.is_file():
        _log.warning("%s: a pipe or a device and no file; it is left out", path)
        return False
    return True
