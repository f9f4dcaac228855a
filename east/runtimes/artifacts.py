"""Converted models, kept on disk under everything that changes them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..hashing import sha256_file

_MANIFEST = "manifest.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Artifact:
    """One converted model: a folder of files and what is on record of them.

    key: everything that went into it. seconds: how long it took to build. bytes: size of its files.
    """

    folder: Path
    key: Mapping[str, Any]
    seconds: float
    bytes: int


class ArtifactCache:
    """A folder of artifacts, shared by all processes of a user.

    An artifact is built in a temporary folder, under a lock, and renamed into place whole; so a process
    killed at any moment leaves nothing that could be taken for an artifact, and two processes that want
    the same one build it once.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` defaults to ``EAST_CACHE_DIR``, else the user's cache folder."""
        self.folder = folder or default_folder()

    def get_or_build(self, key: Mapping[str, Any], build: Callable[[Path], None]) -> Artifact:
        """The artifact for ``key``, built by ``build(folder)`` unless an intact one is there.

        A damaged artifact is built again, with a warning. Errors of ``build`` and of the disk pass through.
        """
        from filelock import FileLock

        place = self.folder / _folder_name(key)
        found = _intact(place)
        if found is not None:
            return found
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f"{place.name}.lock"):
            found = _intact(place)
            if found is not None:
                return found
            if place.exists():
                _log.warning("the converted model in %s is damaged; building it again", place)
                shutil.rmtree(place)
            partial = self.folder / f"{place.name}.partial"
            shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
            try:
                partial.mkdir()
                start = time.perf_counter()
                build(partial)
                _seal(partial, key, time.perf_counter() - start)
                partial.rename(place)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
            artifact = _read(place)
            assert artifact is not None  # noqa: S101  it was sealed above
            return artifact

    def entries(self) -> list[Artifact]:
        """All artifacts, damaged ones left out, oldest first."""
        if not self.folder.is_dir():
            return []
        folders = sorted((f for f in self.folder.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime)
        return [artifact for folder in folders if (artifact := _read(folder)) is not None]

    def clear(self) -> int:
        """Removes every artifact that is not being built, and what killed processes left; returns the bytes freed."""
        from filelock import FileLock, Timeout

        freed = 0
        for lock in self.folder.glob("*.lock"):
            try:
                with FileLock(lock, timeout=0):
                    for folder in (lock.with_suffix(""), lock.with_suffix(".partial")):
                        freed += sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                        shutil.rmtree(folder, ignore_errors=True)
            except Timeout:
                continue
        return freed


def default_folder() -> Path:
    """``EAST_CACHE_DIR``, else the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("EAST_CACHE_DIR") or user_cache_path("east-text-detector"))


def _folder_name(key: Mapping[str, Any]) -> str:
    text = json.dumps(key, sort_keys=True, default=str)
    label = "-".join(str(key[part]).lower() for part in ("runtime", "precision") if part in key)
    return f"{label or 'model'}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / _MANIFEST)


def _describe(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}


def _seal(folder: Path, key: Mapping[str, Any], seconds: float) -> None:
    files = {file.relative_to(folder).as_posix(): _describe(file) for file in _files(folder)}
    record = {"key": dict(key), "seconds": round(seconds, 3), "files": files}
    (folder / _MANIFEST).write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")


def _read(folder: Path) -> Artifact | None:
    try:
        record = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        size = sum(int(entry["bytes"]) for entry in record["files"].values())
        return Artifact(folder, record["key"], float(record["seconds"]), size)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _intact(folder: Path) -> Artifact | None:
    artifact = _read(folder)
    if artifact is None:
        return None
    try:
        recorded = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
        present = {file.relative_to(folder).as_posix(): _describe(file) for file in _files(folder)}
    except (OSError, ValueError):
        return None
    return artifact if recorded == present else None
