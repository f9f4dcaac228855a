"""Ground truths and submissions in zips."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

Zipped = Callable[..., Path]

SQUARE = "0,0,40,0,40,20,0,20"
FAR = "300,300,340,300,340,320,300,320"


@pytest.fixture
def zipped(tmp_path: Path) -> Zipped:
    def make(name: str, **texts: str) -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for key, text in texts.items():
                archive.writestr(f"{key}.txt", text)
        return tmp_path / name

    return make


@pytest.fixture
def gt(zipped: Zipped) -> Path:
    return zipped("gt.zip", gt_img_1=f"{SQUARE},a\r\n{FAR},b", gt_img_2=f"{SQUARE},###")
