"""SHA-256 of files and folders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, as lowercase hexadecimal digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def sha256_files(folder: Path, paths: Iterable[Path]) -> str:
    """SHA-256 over the names within ``folder`` and the contents of those ``paths`` that are files."""
    sha = hashlib.sha256()
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in paths if path.is_file()):
        sha.update(f"{name}\0{sha256_file(path)}\n".encode())
    return sha.hexdigest()
