from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from east.folders import files_below, files_in, is_litter

LITTER = ["._a.png", ".hidden.png", "Thumbs.db", ".DS_Store"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in [
        *("b.png", "A.PNG", "note.txt", "deep/er/c.png", "deep/d.jpg", *LITTER),
        *(
            "__MACOSX/x.png",
            "deep/__MACOSX/deep/._c.png",
            "@eaDir/a.png/THUMB.png",
            ".cache/x.png",
            "$RECYCLE.BIN/x.png",
        ),
    ]:
        path = tmp_path / "all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "all" / "folder.png").mkdir()
    return tmp_path / "all"


def names(folder: Path, paths: list[Path]) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def test_hidden_files_and_those_of_systems_are_left_out(folder: Path) -> None:
    assert names(folder, files_in(folder, {".png"})) == ["A.PNG", "b.png"]
    assert names(folder, files_below(folder, {".png", ".jpg"})) == ["A.PNG", "b.png", "deep/d.jpg", "deep/er/c.png"]
    assert names(folder / ".cache", files_below(folder / ".cache", {".png"})) == ["x.png"]
    assert not is_litter("a.png")


def test_folders_left_out_are_so_under_any_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder / "deep" / "er", target_is_directory=True)
    for left_out in (
        [folder / "deep" / "er"],
        [tmp_path / "link"],
        [tmp_path / "missing", folder / "deep" / ".." / "deep/er"],
    ):
        assert names(folder, files_below(folder, {".png", ".jpg"}, left_out)) == ["A.PNG", "b.png", "deep/d.jpg"]


def test_a_loop_of_links_ends_and_a_broken_one_is_listed(folder: Path) -> None:
    (folder / "deep" / "round.png").symlink_to(folder, target_is_directory=True)
    (folder / "deep" / "broken.png").symlink_to(folder / "missing.png")
    assert names(folder, files_below(folder, {".png"})) == ["A.PNG", "b.png", "deep/broken.png", "deep/er/c.png"]


def test_a_pipe_is_no_file(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(folder / "pipe.png")
    with caplog.at_level(logging.WARNING, "east"):
        assert names(folder, files_in(folder, {".png"})) == ["A.PNG", "b.png"]
    assert caplog.messages == [f"{folder / 'pipe.png'}: a pipe or a device and no file; it is left out"]
