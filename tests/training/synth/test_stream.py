from __future__ import annotations

import itertools
from contextlib import closing

import numpy as np

from east.training.config import SceneSettings
from east.training.data.letters import encode_texts
from east.training.data.packing import PackedImages
from east.training.synth.scene import Material, compose
from east.training.synth.stream import SceneStream

SMALL = SceneSettings(120, 160, blocks=4, capital=18, largest=30)


def test_processes_make_the_same_scenes_in_the_same_order(material: Material) -> None:
    with closing(SceneStream(5, material, SMALL, itertools.count(10), processes=2)) as stream:
        images = stream.fill(PackedImages(6, (120, 160)))
    for slot in range(6):
        scene = compose(5, 10 + slot, material, SMALL)
        np.testing.assert_array_equal(images.pixels[slot].view(np.uint8).reshape(120, 160, 4)[..., :3], scene.image)
        assert (images.kinds[slot] > 0).sum() == len(scene.quads)
        codes = images.codes[slot, : len(scene.quads)]  # largest word first
        assert sorted(codes.tolist()) == sorted(encode_texts(scene.texts).tolist())
