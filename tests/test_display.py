"""Pictures on a screen, or why there is none."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageShow

from east import Detections, DisplayError, Precision, TextBox, Timings

QUAD = np.array([(10, 10), (90, 10), (90, 40), (10, 40)], np.float32)


def found(height: int = 60, width: int = 120) -> Detections:
    picture = np.full((height, width, 3), 90, np.uint8)
    return Detections((TextBox(QUAD, 0.9),), width, height, "openvino", Precision.FP32, Timings(), picture)


@pytest.fixture
def viewers(monkeypatch: pytest.MonkeyPatch) -> list[ImageShow.Viewer | str]:
    """Pillow's viewers, none to begin with."""
    none: list[ImageShow.Viewer | str] = []
    monkeypatch.setattr(ImageShow, "_viewers", none)
    return none


def test_without_a_display_or_a_viewer_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, viewers: list[ImageShow.Viewer | str]
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DisplayError, match=r"no display .* found\.save\('found\.png'\)$"):
        found().show()
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(DisplayError, match=r"no program that shows images was found"):
        found().show()


def test_a_viewer_gets_the_drawing(
    monkeypatch: pytest.MonkeyPatch, viewers: list[ImageShow.Viewer | str], tmp_path: Path
) -> None:
    shown = []

    class Viewer(ImageShow.Viewer):
        format = "PNG"

        def show_file(self, path: str, **options: object) -> int:
            shown.append(np.asarray(Image.open(path)))
            return 1

    monkeypatch.setenv("DISPLAY", ":0")
    viewers.append(Viewer())
    result = found()
    result.show()
    np.testing.assert_array_equal(shown[0], result.draw())


def test_a_notebook_shows_the_drawing_no_larger_than_it_must_be() -> None:
    for height, width, seen in ((60, 120, (60, 120)), (3000, 1000, (1280, 427))):
        data = found(height, width)._repr_png_()
        assert data is not None
        picture = np.asarray(Image.open(io.BytesIO(data)))
        assert picture.shape[:2] == seen
        assert (picture != 90).any()
    assert replace(found(), image=None)._repr_png_() is None
