"""Small pictures with words, as files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from east.options import DetectorOptions
from tests.support.pictures import write

FAST = DetectorOptions(precision="FP32", runtime="openvino", threads=1)
"""A detector that the shared cache has already, once `detector` has been asked for."""


def picture(number: int, form: str = "PNG") -> bytes:
    """A file of 160x96 pixels with a number on it."""
    image = Image.new("RGB", (160, 96), "white")
    write(image, f"Room{number}", 12 + number % 7, 20 + number % 5, 34)
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five pictures, a broken one, and what is none."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "deep").mkdir()
    for number in range(5):
        name = f"deep/{number}.png" if number < 2 else f"{number}.PNG"
        (folder / name).write_bytes(picture(number))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(picture(9))
    return folder


@pytest.fixture(scope="session")
def fast() -> DetectorOptions:
    return FAST
