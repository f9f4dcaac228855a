"""SHA-256 of files and folders."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, as lowercase hexadecimal digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def sha256_files(paths: list[Path]) -> str:
    """SHA-256 over the names and contents of several files, in the order of their names."""
    sha = hashlib.sha256()
    for path in sorted(paths, key=lambda p: p.name):
        sha.update(f"{path.name}\0{sha256_file(path)}\n".encode())
    return sha.hexdigest()
