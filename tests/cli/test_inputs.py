"""What images are called: in results so that each is told from all others, and in folders that are written to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from east.cli.inputs import find_images
from tests.support.pdfs import scanned


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: pictures, some of one name."""
    for name in ("q/a/sign.jpg", "q/b/sign.jpg", "q/b/sign-2.jpg", "q/b/sign-3.bmp", "stdin", "b/sign.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("inputs", "names", "stems"),
    [
        (["q/a/sign.jpg", "q/b/sign-2.jpg"], ["sign.jpg", "sign-2.jpg"], ["sign", "sign-2"]),
        (
            ["q/a/sign.jpg", "q/b/sign.jpg", "q/b/sign-2.jpg"],
            ["q/a/sign.jpg", "q/b/sign.jpg", "sign-2.jpg"],
            ["sign", "sign-3", "sign-2"],
        ),
        (["q/a", "q/b/sign-3.bmp", "q/b/sign*.jpg"], None, ["sign", "sign-3", "sign-2", "sign-4"]),
        (["q", "q/b/sign.jpg", "b"], None, ["a/sign", "b/sign-2", "b/sign-3", "b/sign", "sign", "sign-2"]),
        (["q/a/sign.jpg", "./q/a/sign.jpg"], ["sign.jpg", "sign.jpg"], ["sign", "sign-2"]),
        (["-", "stdin"], ["-", "stdin"], ["stdin", "stdin-2"]),
        (["-"], ["stdin"], ["stdin"]),
    ],
)
def test_names_tell_pictures_apart(inputs: list[str], names: list[str] | None, stems: list[str]) -> None:
    found, errors = find_images(inputs)
    assert not errors
    if names is not None:
        assert [one.name for one in found] == names
    assert [one.stem for one in found] == stems
    pictures: dict[str, set[Path | None]] = {}
    for one in found:
        pictures.setdefault(one.name, set()).add(one.path and one.path.resolve())
    assert all(len(paths) == 1 for paths in pictures.values())


def test_pages_of_pdfs_of_one_name_are_told_apart(folder: Path) -> None:
    for name in ("q", "b"):
        (folder / name / "scan.pdf").write_bytes(scanned([np.full((16, 16, 3), 255, np.uint8)]))
    found, errors = find_images(["q/scan.pdf", "b/scan.pdf"])
    assert not errors
    assert [one.name for one in found] == ["q/scan-p0001", "b/scan-p0001"]
    assert [one.stem for one in found] == ["scan-p0001", "scan-p0001-2"]
