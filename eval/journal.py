"""What a run has done so far, on disk, so that an interrupted run goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from east.errors import EvaluationError


@dataclass(frozen=True)
class ImageResult:
    """What was found in one image, and how fast.

    Attributes:
        lines: its words, in the form of the competition with a ninth value for the score.
        width, height: of the upright image in pixels.
        decode, resize, network, postprocess: milliseconds of the steps; decoding overlaps with the rest.
        wall: milliseconds from the image before being done to this one being done.
        read: milliseconds of cutting out and reading its words.
        texts: what was read in each word; None where nothing reads.
    """

    lines: str
    width: int
    height: int
    decode: float
    resize: float
    network: float
    postprocess: float
    wall: float
    read: float = 0.0
    texts: tuple[str, ...] | None = None


class Journal(AbstractContextManager["Journal", None]):
    """Results by image number, each written as soon as it is added; used by one process at a time.

    The file is named after everything that the results depend on, so another run never finds them.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Reads what is there; ``identity`` is everything that the results depend on, as JSON values.

        Makes the folder if it is not there. Raises `EvaluationError` when another process is doing the same run.
        """
        text = json.dumps(identity, sort_keys=True)
        self._path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._path.with_suffix(".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise EvaluationError("another process is doing this very run: wait for it or stop it") from None
        self.results: dict[str, ImageResult] = {}
        self._stream = self._open()

    def add(self, key: str, result: ImageResult) -> None:
        """Keeps the result of one image."""
        self.results[key] = result
        self._stream.write(json.dumps({"image": key, **asdict(result)}).encode() + b"\n")
        self._stream.flush()

    def forget(self) -> None:
        """Removes all results."""
        self.results.clear()
        self._stream.seek(0)
        self._stream.truncate()

    def close(self) -> None:
        """Lets other processes have it; a journal without results leaves no file."""
        if not self._lock.is_locked:
            return
        self._stream.close()
        if not self.results:
            self._path.unlink()
        self._lock.release()
        with suppress(OSError):
            Path(self._lock.lock_file).unlink()

    def __exit__(self, *error: object) -> None:
        self.close()

    def _open(self) -> IO[bytes]:
        """Reads the results and opens the file behind the last whole one; a killed process may leave half a line."""
        stream = self._path.open("a+b")
        stream.seek(0)
        whole = 0
        for line in stream:
            if not line.endswith(b"\n"):
                break
            try:
                fields = json.loads(line)
                key = fields.pop("image")
                result = ImageResult(**fields)
                texts = None if result.texts is None else tuple(result.texts)  # JSON has lists
                self.results[key] = replace(result, texts=texts)
            except (ValueError, KeyError, TypeError, AttributeError):
                break
            whole += len(line)
        stream.truncate(whole)
        return stream
