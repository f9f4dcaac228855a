"""The journal of a run: nothing that was written is lost, nothing of another run is taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from east.errors import EvaluationError
from eval.journal import ImageResult, Journal

RESULT = ImageResult("0,0,9,0,9,9,0,9,0.5\n", 1280, 720, 5.0, 1.0, 80.0, 0.5, 90.0)


def test_results_are_there_again(tmp_path: Path) -> None:
    with Journal(tmp_path, {"run": 1}) as journal:
        journal.add("1", RESULT)
        journal.add("2", RESULT)
    with Journal(tmp_path, {"run": 1}) as journal:
        assert journal.results == {"1": RESULT, "2": RESULT}
    with Journal(tmp_path, {"run": 2}) as journal:
        assert journal.results == {}


@pytest.mark.parametrize("lost", range(1, 40, 6))
def test_half_a_line_is_forgotten(tmp_path: Path, lost: int) -> None:
    with Journal(tmp_path, {}) as journal:
        journal.add("1", RESULT)
        journal.add("2", RESULT)
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-lost])
    with Journal(tmp_path, {}) as journal:
        assert list(journal.results) == ["1"]
        journal.add("3", RESULT)
    with Journal(tmp_path, {}) as journal:
        assert list(journal.results) == ["1", "3"]


@pytest.mark.parametrize(
    "content", [b"\x00\x00", b"{}\n", b"[]\n", b'{"image": "1"}\n', b'{"image": "1", "more": 2}\n']
)
def test_a_damaged_journal_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    with Journal(tmp_path, {}) as journal:
        journal.add("1", RESULT)
    (file,) = tmp_path.glob("*.jsonl")
    file.write_bytes(content)
    with Journal(tmp_path, {}) as journal:
        assert journal.results == {}


def test_a_forgotten_journal_leaves_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path, {}) as journal:
        journal.add("1", RESULT)
        journal.forget()
        assert journal.results == {}
    assert list(tmp_path.iterdir()) == []


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path, {}), pytest.raises(EvaluationError, match="another process"):
        Journal(tmp_path, {})
    Journal(tmp_path, {}).close()
