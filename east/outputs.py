"""No output lands on an input, nor on another output: told before anything is computed or written."""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from collections.abc import Hashable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .errors import UsageError

_NUMBERED = re.compile(r"\d{4,}\.png", re.IGNORECASE)


class Output(NamedTuple):
    """A file to write, or a folder of files ``0001.png``, ``0002.png`` and so on; ``flag`` asks for it."""

    flag: str
    path: Path
    numbered: bool = False


def check_outputs(outputs: Iterable[Output], inputs: Iterable[Path]) -> None:
    """Looks whether all outputs can be written without harm to an input or to each other.

    Files are told apart by what they are where they exist, so links and the case of letters hide nothing; else by
    their names, which not every file system takes for different where they differ in case only.

    Args:
        outputs: all that may be written.
        inputs: all that is read; gone through only if one of the outputs is there already.

    Raises:
        UsageError: an output would land on an input or on another output; the message names both.
        OSError: an output cannot be written: a file where a folder is needed, or a folder that is read only.
    """
    planned = [one for one in map(_Planned.of, outputs) if not one.is_device]
    _check_folders(planned)
    places = _Places()
    claims: dict[Hashable, Output] = {}
    numbered: dict[Hashable, Output] = {}
    for output, status in planned:
        place = places.of(output.path, status)
        _refuse_two(claims.setdefault(place, output), output)
        if output.numbered:
            numbered[place] = output
            for path in output.path.iterdir() if status is not None else ():
                if _NUMBERED.fullmatch(path.name):
                    _refuse_two(claims.setdefault(places.of(path, _stat(path)), Output(output.flag, path)), output)
    for output, _ in planned:
        if numbered and _NUMBERED.fullmatch(output.path.name):
            folder = output.path.parent
            _refuse_two(numbered.get(places.of(folder, _stat(folder)), output), output)
    if not any(isinstance(place, _File) for place in claims):
        return
    for path in inputs:
        if (claim := claims.get(places.of(path, _stat(path)))) is not None:
            raise UsageError(f"{claim.flag} would write {claim.path} over the input {path}: name another place")


def check_folder(flag: str, folder: Path | None, inputs: Iterable[tuple[str, Path | None]]) -> None:
    """Raises `UsageError` if the folder to write to is one of those to read from, given with their flags."""
    for name, path in inputs:
        if folder is not None and path is not None and path.is_dir() and folder.exists() and folder.samefile(path):
            raise UsageError(f"{flag} would write into {folder}, which {name} reads: name another folder")


def fold(name: str) -> str:
    """A name in the form in which those that a file system may take for one are equal."""
    return unicodedata.normalize("NFC", name).casefold()


class _File(NamedTuple):
    """A file or folder that exists."""

    device: int
    number: int


class _Name(NamedTuple):
    """A file or folder that does not."""

    folder: str
    name: str


class _Planned(NamedTuple):
    """An output and what is there now."""

    output: Output
    status: os.stat_result | None

    @classmethod
    def of(cls, output: Output) -> _Planned:
        return cls(output, _stat(output.path))

    @property
    def is_folder(self) -> bool:
        return self.status is not None and stat.S_ISDIR(self.status.st_mode)

    @property
    def is_device(self) -> bool:
        """Whether it is a device or a pipe, which nothing is lost in."""
        return not (self.status is None or self.is_folder or stat.S_ISREG(self.status.st_mode))


class _Places:
    """What two paths to the same place have in common."""

    def __init__(self) -> None:
        self._folder = cache(lambda folder: fold(os.path.realpath(folder)))

    def of(self, path: Path, status: os.stat_result | None) -> Hashable:
        if status is None:
            return _Name(self._folder(path.parent), fold(path.name))
        return _File(status.st_dev, status.st_ino)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


def _refuse_two(one: Output, other: Output) -> None:
    if one.flag != other.flag:
        raise UsageError(f"{one.flag} and {other.flag} would both write {other.path}: name different places")


def _check_folders(planned: Iterable[_Planned]) -> None:
    @cache
    def check(folder: Path) -> None:
        if not os.path.lexists(folder) and folder != folder.parent:
            check(folder.parent)
        elif not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "is no folder, and one is needed there", str(folder))
        elif not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, "this folder cannot be written to", str(folder))

    for one in planned:
        _, path, numbered = one.output
        if one.is_folder and not numbered:
            raise IsADirectoryError(errno.EISDIR, "is a folder; name a file", str(path))
        check(path if numbered else path.parent)
