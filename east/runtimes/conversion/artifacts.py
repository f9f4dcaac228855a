"""Converted models, kept on disk under everything that changes them, each with what its conversion did to the graph."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import ConversionError
from ...files import sha256_file
from ...model.frozen import FORMAT
from ...model.ranges import Ranges
from ...model.source import ModelSource
from ...options import DetectorOptions

JOURNALS = "evaluations"  # folder of the evaluation's journals: *.jsonl, with a lock beside it while it is in use

Weights = TypeVar("Weights")

_KERNELS = ".kernels"
_MANIFEST, _REPORT = "manifest.json", "report.json"
_log = logging.getLogger(__name__)


def conversion_key(
    runtime: str,
    version: int,
    source: ModelSource,
    options: DetectorOptions,
    ranges: Ranges | None = None,
    **parts: Any,
) -> dict[str, Any]:
    """Everything that changes a converted model: what its cache entry is known by.

    ``version`` is the ``FORMAT`` of the runtime's module, which is raised whenever that makes something else of the
    same; ``ranges`` are those of INT8, and ``parts`` what else counts for the runtime.
    """
    return {
        "runtime": runtime,
        "precision": str(options.precision),
        "weights": source.sha256,
        "nodes": asdict(source.nodes),
        "format": [FORMAT, version],
        "ranges": ranges and ranges.sha256,
        **parts,
    }


@dataclass(frozen=True)
class Artifact:
    """One converted model: a folder of files and what is on record of them.

    Attributes:
        folder: where it is.
        key: everything that went into it.
        seconds: how long it took to build.
        files: bytes of each, by its path in the folder.
    """

    folder: Path
    key: Mapping[str, Any]
    seconds: float
    files: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(self.files.values())

    @property
    def kernels(self) -> Path:
        """A folder beside this one, for what a runtime compiles on the way and may find again; it may not be there."""
        return self.folder.with_suffix(_KERNELS)


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion did to the graph; kept in the folder of the artifact.

    Attributes:
        before: operations by kind in the frozen graph.
        after: the same in what the runtime is given.
        engines: how many parts of the graph the runtime takes over as a whole, to compile them its own way.
        converted: share of the operations in those parts, 0..1.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]
    engines: int
    converted: float

    def save(self, folder: Path) -> None:
        """Writes the report into the folder of a converted model."""
        (folder / _REPORT).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ConversionReport:
        """Reads what `save` wrote."""
        return cls(**json.loads((folder / _REPORT).read_text(encoding="utf-8")))


class ArtifactCache:
    """A folder of artifacts, shared by all processes of a user.

    An artifact is built in a temporary folder, under a lock, and renamed into place whole; so a process killed at any
    moment leaves nothing that could be taken for an artifact, and two processes that want the same one build it once.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """``folder`` defaults to ``EAST_CACHE_DIR``, else the user's cache folder."""
        self.folder = folder or default_folder()

    def get_or_build(
        self, key: Mapping[str, Any], read: Callable[[], Weights], build: Callable[[Path, Weights], None]
    ) -> Artifact:
        """The artifact for ``key``, built unless an intact one is there; a damaged one is replaced, with a warning.

        ``build`` writes its files into an empty folder, from the weights that ``read`` gave.

        Raises:
            ConversionError: the disk refuses to keep it; the message says how to have it elsewhere.
            Exception: whatever ``read`` raises, and ``build`` but for ``OSError``, as it is.
        """
        place = self.folder / _folder_name(key)
        if (found := _read(place, intact=True)) is not None:
            return found
        with self._locked(place):
            if (found := _read(place, intact=True)) is not None:
                return found
            start = time.perf_counter()
            weights = read()
            with self._writing(), _replaced(place) as folder:
                build(folder, weights)
                seconds = round(time.perf_counter() - start, 3)
                record = {"key": dict(key), "seconds": seconds, "files": _describe(folder)}
                (folder / _MANIFEST).write_text(json.dumps(record, indent=2, default=str) + "\n", encoding="utf-8")
            artifact = _read(place)
        assert artifact is not None  # noqa: S101  it was written above
        return artifact

    def entries(self) -> list[Artifact]:
        """All artifacts with a manifest, their files unchecked, oldest first."""
        artifacts = [_read(folder) for folder in self.folder.glob("*") if folder.suffix not in (".partial", _KERNELS)]
        return sorted(filter(None, artifacts), key=lambda artifact: artifact.folder.stat().st_mtime)

    def clear(self) -> int:
        """Removes all that nobody uses: artifacts, journals, locks, what killed processes left; returns bytes freed."""
        from filelock import FileLock, Timeout

        patterns = ("*.lock", "*.partial", f"{JOURNALS}/*.lock", f"{JOURNALS}/*.jsonl")
        places = {path.with_suffix("") for pattern in patterns for path in self.folder.glob(pattern)}
        freed = 0
        for place in places | {artifact.folder for artifact in self.entries()}:
            lock = Path(f"{place}.lock")
            with suppress(Timeout), FileLock(lock, timeout=0):
                folders = [place, *(place.with_suffix(suffix) for suffix in (".partial", _KERNELS))]
                journal = place.with_suffix(".jsonl")
                files = [file for folder in folders for file in _files(folder)] + [journal] * journal.is_file()
                freed += sum(file.stat().st_size for file in files)
                for folder in folders:
                    shutil.rmtree(folder, ignore_errors=True)
                journal.unlink(missing_ok=True)
                lock.unlink()
        return freed

    @contextmanager
    def _locked(self, place: Path) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(f"{place}.lock")
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                _log.info("another process is converting this model; waiting for it")
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ConversionError(
                f"cannot keep the converted model in {self.folder}: {error.strerror or error}; "
                "make room there, or name another folder in EAST_CACHE_DIR"
            ) from error


def default_folder() -> Path:
    """``EAST_CACHE_DIR``, else the user's cache folder."""
    from platformdirs import user_cache_path

    return Path(os.environ.get("EAST_CACHE_DIR") or user_cache_path("east-text-detector"))


@contextmanager
def _replaced(place: Path) -> Iterator[Path]:
    """An empty folder to write to, which takes ``place``'s place when the block ends without an error."""
    if place.exists():
        _log.warning("the converted model in %s is damaged; building it again", place)
        shutil.rmtree(place)
    partial = place.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
    try:
        partial.mkdir()
        yield partial
        partial.rename(place)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _folder_name(key: Mapping[str, Any]) -> str:
    text = json.dumps(key, sort_keys=True, default=str)
    label = "-".join(str(key[part]).lower() for part in ("runtime", "precision") if part in key)
    return f"{label or 'model'}-{hashlib.sha256(text.encode()).hexdigest()[:24]}"


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / _MANIFEST)


def _describe(folder: Path) -> dict[str, dict[str, Any]]:
    return {
        file.relative_to(folder).as_posix(): {"bytes": file.stat().st_size, "sha256": sha256_file(file)}
        for file in _files(folder)
    }


def _read(folder: Path, *, intact: bool = False) -> Artifact | None:
    """What the manifest says; None without one or, if ``intact`` is asked for, where the files are not as it says."""
    try:
        record = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        if intact and record["files"] != _describe(folder):
            return None
        files = {name: entry["bytes"] for name, entry in record["files"].items()}
        return Artifact(folder, record["key"], record["seconds"], files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
