from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from east.training.config import Config, SceneSettings
from east.training.data.packing import PackedImages
from east.training.loop.loader import SyntheticLoader, draw_batch
from east.training.synth.scene import Material

CONFIG = Config(
    "small", batch=8, synthetic=0.25, pool_size=4, refresh_size=2, refresh_every=3, canvas=(96, 128),
    scenes=SceneSettings(96, 128, blocks=2, capital=14, largest=30),
)  # fmt: skip


def pool_at(step: int, devices: int, material: Material) -> PackedImages:
    loader = SyntheticLoader(CONFIG, material, step=step, devices=devices)
    try:
        return loader.pool()
    finally:
        loader.close()


@pytest.mark.parametrize("devices", [1, 2])
def test_a_loader_begun_later_holds_what_one_from_the_start_holds_by_then(material: Material, devices: int) -> None:
    loader = SyntheticLoader(CONFIG, material, devices=devices)
    pool = loader.pool()
    first = pool.pixels.copy()
    refreshed = 0
    for step in range(10):
        refresh = loader.refresh(step)
        if refresh is None:
            continue
        slots, pictures = refresh
        for device in range(devices):
            here = slots + device * CONFIG.pool_size
            there = slice(device * CONFIG.refresh_size, (device + 1) * CONFIG.refresh_size)
            for array, new in zip(pool.arrays, pictures.arrays, strict=True):
                array[here] = new[there]
        refreshed += 1
    loader.close()
    assert refreshed == 3
    assert all((old != new).any() for old, new in zip(first, pool.pixels, strict=True))
    later = pool_at(10, devices, material)
    for found, expected in zip(later.arrays, pool.arrays, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    (real, synthetic), noise = draw_batch(CONFIG, 5, pictures=20)
    assert (len(real), len(synthetic), len(noise)) == (6, 2, 8)
    assert real.max() < 20
    assert synthetic.max() < CONFIG.pool_size
    np.testing.assert_array_equal(noise, draw_batch(CONFIG, 5, pictures=20)[1])
    assert not np.array_equal(noise, draw_batch(CONFIG, 6, pictures=20)[1])
    assert not np.array_equal(noise, draw_batch(replace(CONFIG, seed=1), 5, pictures=20)[1])


def test_devices_share_out_a_larger_batch() -> None:
    (real, synthetic), noise = draw_batch(CONFIG, 0, pictures=20, devices=3)
    assert (len(real), len(synthetic), len(noise)) == (18, 6, 24)


@pytest.mark.parametrize(("share", "sizes"), [(0.0, [8]), (1.0, [8])])
def test_a_batch_of_one_kind_has_one_part(share: float, sizes: list[int]) -> None:
    indices, _ = draw_batch(replace(CONFIG, synthetic=share), 0, pictures=20)
    assert [len(part) for part in indices] == sizes
