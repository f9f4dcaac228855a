from __future__ import annotations

import numpy as np
import pytest

from east.training.synth.blend import Light, soften


def test_a_white_sign_is_not_white_in_the_dark() -> None:
    seen = []
    for level in (20, 90, 220):
        layer = np.full((1, 1, 4), 255, np.float32)
        Light.around(np.random.default_rng(0), np.full(3, level, np.float32)).shine_on(layer)
        seen.append(float(layer[0, 0, :3].mean()))
    assert seen[0] < 150 < seen[1] < seen[2]


def test_what_a_colour_looks_like_tells_what_was_painted() -> None:
    surface = np.full(3, 70, np.float32)
    light = Light.around(np.random.default_rng(0), surface)
    layer = np.ones((1, 1, 4), np.float32)
    layer[0, 0, :3] = light.painted(surface)
    light.shine_on(layer)
    assert layer[0, 0, :3] == pytest.approx(surface, abs=0.1)


def test_softening_spreads_a_layer_and_keeps_its_colour() -> None:
    layer = np.zeros((9, 20, 4), np.float32)
    layer[2:7, 3:17] = 200, 100, 50, 1
    soft, margin = soften(layer, 1.5)
    assert soft.shape == (9 + 2 * margin, 20 + 2 * margin, 4)
    assert soft[..., 3].sum() == pytest.approx(5 * 14, rel=1e-3)
    assert soft[0, :, 3].max() < 0.01
    seen = soft[soft[..., 3] > 0.02][:, :3]
    assert seen == pytest.approx(np.broadcast_to((200, 100, 50), seen.shape), rel=0.02)
