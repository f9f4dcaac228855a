"""Sets of files, in a zip or in a folder."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

from east.errors import SubmissionError

_MAX_BYTES = 256 * 2**20


def read_files(path: Path, name: re.Pattern[str]) -> tuple[dict[str, bytes], list[str]]:
    """Reads the files of a zip (in its order) or of a folder (by name) whose name begins as ``name`` says.

    Returns them by name, and the names of the other entries; names of folders end with a slash.
    Raises SubmissionError when they cannot be read or unpack to more than 256 MiB.
    """
    if path.is_dir():
        entries = sorted(entry.name + "/" * entry.is_dir() for entry in path.iterdir())
        return {entry: (path / entry).read_bytes() for entry in entries if name.match(entry)}, _others(entries, name)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist() if name.match(info.filename)) > _MAX_BYTES:
                raise SubmissionError(f"{path} unpacks to more than 256 MiB: not a set of ICDAR2015 text files")
            entries = archive.namelist()
            return {entry: archive.read(entry) for entry in entries if name.match(entry)}, _others(entries, name)
    except FileNotFoundError:
        raise SubmissionError(f"{path} does not exist: expected a zip or a folder of text files") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError) as error:
        raise SubmissionError(f"{path} is neither a folder nor a zip that can be read: {error}") from error


def _others(entries: list[str], name: re.Pattern[str]) -> list[str]:
    return [entry for entry in entries if not name.match(entry)]
