from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from east.training.backends import make_trainer
from east.training.config import LossWeights
from east.training.data.packing import PackedImages
from east.training.presets import finetune


def test_random_variables_follow_from_the_seed() -> None:
    recipe = replace(finetune().recipe, loss=LossWeights(reading=0.2))
    first, again, other = (make_trainer([PackedImages(1, (64, 64))], recipe, seed=seed).state() for seed in (3, 3, 4))
    drawn = [name for name, value in first.items() if name.startswith("weights/") and np.std(value) > 0]
    assert len(drawn) > 60
    for name in drawn:
        np.testing.assert_array_equal(first[name], again[name])
        assert (first[name] != other[name]).any()


def test_several_devices_need_jax() -> None:
    with pytest.raises(ValueError, match="training on 2 devices needs the JAX backend: set KERAS_BACKEND=jax"):
        make_trainer([PackedImages(1, (64, 64))], finetune().recipe, devices=2)
