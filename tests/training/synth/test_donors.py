from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from east.training.data.dataset import Example
from east.training.synth.donors import Donors


def test_a_real_word_is_cut_out_with_what_it_says(tmp_path: Path) -> None:
    Image.new("RGB", (320, 240), (120, 130, 140)).save(tmp_path / "img_1.png")
    quad = np.asarray([[20, 20], [90, 20], [90, 50], [20, 50]], np.float32)
    donors = Donors([Example(tmp_path / "img_1.png", quad[None], np.asarray([True]), ("word",))])
    ((word, text),) = donors.words(np.random.default_rng(0), 3)
    assert text == "word"
    assert word.shape[2] == 4
    assert word[word.shape[0] // 2, word.shape[1] // 2].tolist() == pytest.approx([120, 130, 140, 1], abs=1)
