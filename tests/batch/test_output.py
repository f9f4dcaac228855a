"""The folder of results: of one job, its shards there whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from east.batch.options import Format
from east.batch.output import MANIFEST, OutputFolder
from east.batch.rows import encode, error_row
from east.errors import ImageError, UsageError

JOB = {"images": 3, "options": {"score_threshold": "0.8"}, "sources": "5" * 64}


def rows(form: Format, count: int = 3) -> bytes:
    return encode([error_row("a", n, ImageError("none")) for n in range(count)], form, texts=False)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_shards_are_found_and_counted(tmp_path: Path, form: Format, scheme: str) -> None:
    if scheme or form == "parquet":
        pytest.importorskip("pyarrow")
    folder = OutputFolder(f"{scheme}{tmp_path / 'out'}", form)
    assert folder.everywhere == bool(scheme)
    folder.begin(JOB, overwrite=False)
    assert folder.done() == set()
    for number in (12, 3, 3):
        folder.write(number, rows(form))
    assert folder.done() == {3, 12}
    assert folder.counts(12) == (3, 3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        MANIFEST,
        f"part-00003.{form}",
        f"part-00012.{form}",
    ]


def test_another_job_is_refused_and_told_apart(tmp_path: Path) -> None:
    folder = OutputFolder(str(tmp_path), "jsonl")
    folder.begin(JOB, overwrite=False)
    folder.begin({**JOB, "images": 4}, overwrite=False)  # nothing is lost
    folder.write(0, rows("jsonl"))
    folder.begin({**JOB, "images": 4}, overwrite=False)
    other = {**JOB, "options": {"score_threshold": "0.7"}, "sources": "6" * 64}
    told = r"images: 4 there, 3 now, score_threshold: 0\.8 there, 0\.7 now, other sources"
    with pytest.raises(UsageError, match=told):
        folder.begin(other, overwrite=False)
    assert folder.done() == {0}
    (tmp_path / "mine.txt").write_text("mine")
    folder.begin(other, overwrite=True)
    assert folder.done() == set()
    assert json.loads((tmp_path / MANIFEST).read_text()) == other
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("manifest", [None, "{", "[]"])
def test_results_of_no_known_job_are_refused(tmp_path: Path, manifest: str | None) -> None:
    folder = OutputFolder(str(tmp_path), "jsonl")
    folder.write(0, rows("jsonl"))
    if manifest is not None:
        (tmp_path / MANIFEST).write_text(manifest)
    with pytest.raises(UsageError, match="no known job"):
        folder.begin(JOB, overwrite=False)
