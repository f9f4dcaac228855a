from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.training.synth.backgrounds import Backgrounds


def test_known_text_moves_with_its_pixels(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), 40, np.uint8)
    image[60:90, 100:180] = 250
    Image.fromarray(image).save(tmp_path / "photo.png")
    (tmp_path / "gt_photo.txt").write_text("100,60,180,60,180,90,100,90,###\n")
    backgrounds, rng, seen = Backgrounds(tmp_path), np.random.default_rng(0), 0
    for _ in range(12):
        picture, quads = backgrounds.draw(rng, 240, 320)
        if len(quads):
            x, y = quads[0].mean(axis=0).round().astype(int)
            if 0 <= x < 320 and 0 <= y < 240:
                assert picture[y, x].min() > 200
                seen += 1
    assert seen > 3


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        Backgrounds(tmp_path)
