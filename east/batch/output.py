"""The folder of results: one file a shard, and a manifest that says which job they are of."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, Final

from ..errors import UsageError
from ..files import is_uri
from . import places
from .options import Format
from .rows import SUFFIXES, decode

MANIFEST: Final = "_manifest.json"
"""Begins like what readers of a folder of Parquet files leave out."""

_PART = re.compile(r"part-\d{5,}\.(jsonl|parquet)")


class OutputFolder:
    """Where a job writes.

    Args:
        place: a path, written to by this process, or a URI, written to by each detector.
        form: of the files.
    """

    def __init__(self, place: str, form: Format) -> None:
        self.place = place
        self._form = form

    @property
    def everywhere(self) -> bool:
        """Whether any machine can write here."""
        return is_uri(self.place)

    def begin(self, job: Mapping[str, Any], *, overwrite: bool) -> None:
        """Makes it the folder of this job, which it may be already.

        Raises:
            UsageError: it is that of another job.
            OSError: it cannot be written.
        """
        names = places.names_in(self.place)
        parts = [name for name in names if _PART.fullmatch(name)]
        before = self._manifest() if MANIFEST in names else None
        if before == json.loads(json.dumps(job)):
            return
        if parts and not overwrite:
            if before is None:
                what = "files of results that are of no known job"
            else:
                what = f"the results of another job ({', '.join(_differences(before, job))})"
            raise UsageError(f"{self.place} has {what}: name another folder, or overwrite it with --overwrite")
        for name in parts:
            places.remove(places.join(self.place, name))
        text = json.dumps(job, indent=2, ensure_ascii=False) + "\n"
        places.write_whole(places.join(self.place, MANIFEST), text.encode(errors="backslashreplace"))

    def done(self) -> set[int]:
        """The numbers of the shards that are there."""
        suffix = SUFFIXES[self._form]
        names = (name for name in places.names_in(self.place) if _PART.fullmatch(name) and name.endswith(suffix))
        return {int(name[len("part-") : -len(suffix)]) for name in names}

    def write(self, number: int, content: bytes) -> None:
        """Writes the file of a shard, whole or not at all; a second time it is the same. Raises ``OSError``."""
        places.write_whole(self._part(number), content)

    def counts(self, number: int) -> tuple[int, int]:
        """Images of a shard that is there, and how many of them could not be used.

        Raises ``OSError`` or ``ValueError`` for a damaged file.
        """
        rows = decode(places.read(self._part(number)), self._form)
        return len(rows), sum(row["error"] is not None for row in rows)

    def _part(self, number: int) -> str:
        return places.join(self.place, f"part-{number:05}{SUFFIXES[self._form]}")

    def _manifest(self) -> dict[str, Any] | None:
        try:
            found = json.loads(places.read(places.join(self.place, MANIFEST)))
        except ValueError:
            return None
        return found if isinstance(found, dict) else None


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs between two manifests, in words."""
    told: list[str] = []
    for name, value in now.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            told += _differences(old, value)
        elif old != value:
            known = name in before and isinstance(old, (str, int, float, NoneType)) and len(str(old)) < 60
            told.append(f"{name}: {old} there, {value} now" if known else f"other {name}")
    return told
