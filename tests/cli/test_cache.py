from __future__ import annotations

from pathlib import Path

import pytest

from east.cli import main
from east.runtimes.conversion.artifacts import ArtifactCache


def test_lists_and_clears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EAST_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["cache", "list"]) == 0
    assert capsys.readouterr().out == ""
    key = {"runtime": "openvino", "precision": "INT8", "weights": "0123456789abcdef", "calibration": None}

    def build(folder: Path, weights: bytes) -> None:
        (folder / "model").write_bytes(weights)

    ArtifactCache().get_or_build(key, lambda: bytes(2_000_000), build)
    journals = tmp_path / "cache" / "evaluations"
    journals.mkdir()
    (journals / "run.jsonl").write_bytes(bytes(1_000_000))
    (journals / "other.lock").touch()
    assert main(["cache", "list"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("openvino-int8-")
    assert "2.0 MB" in line
    assert "weights 0123456789ab" in line
    assert "calibration" not in line
    assert main(["cache", "clear"]) == 0
    assert capsys.readouterr().out == f"freed 3.0 MB in {tmp_path / 'cache'}\n"
    assert ArtifactCache().entries() == []
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
