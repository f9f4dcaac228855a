"""Files: written whole or not at all, hashed, and known to be images by their names."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

_URI = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)

IMAGE_SUFFIXES = frozenset(
    [
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        *(".bmp", ".gif", ".png", ".tif", ".tiff", ".webp"),
        *(".avif", ".heic", ".heif"),
    ]
)


def is_uri(text: str) -> bool:
    """Whether a text is such as ``s3://bucket/key``, and no path; a Windows path is none."""
    return _URI.match(text) is not None


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write to, which takes ``path``'s place when the block ends without an error.

    Until then, and after an error, what was at ``path`` stays as it was. Parent folders are made. A link stays a
    link, and leads to the new file. A device or a pipe (``/dev/stdout``) is written to as it is.

    Raises:
        OSError: it cannot be written; the error names ``path``.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        try:
            with path.open("wb") as file:
                yield file
        except OSError as error:
            if error.errno and error.filename is None:
                raise _about(path, error) from error
            raise
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{token_hex(8)}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(partial)):
            raise _about(path, error) from error
        raise


def _about(path: Path, error: OSError) -> OSError:
    """The same error with the name of the file that was asked for."""
    return OSError(error.errno, error.strerror, str(path))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, as lowercase hexadecimal digits. An ``OSError`` names the file."""
    sha = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    return sha.hexdigest()


def sha256_files(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the names within ``folder`` and the contents of those ``paths`` that are files."""
    sha = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in paths if path.is_file()):
        sha.update(f"{name}\0{sha256_file(path)}\n".encode())
    return sha.hexdigest()
