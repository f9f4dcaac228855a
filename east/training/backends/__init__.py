"""The training step: network, losses and optimizer, once for each Keras backend, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from ...frameworks import keras
from ..config import Recipe
from ..data.packing import PackedImages
from .base import Trainer

__all__ = ["Trainer", "make_trainer"]


def make_trainer(
    images: Sequence[PackedImages],
    recipe: Recipe,
    variables: Mapping[str, NDArray[Any]] | None = None,
    *,
    devices: int = 1,
    seed: int = 0,
) -> Trainer:
    """Makes a trainer on the backend that Keras runs on.

    Args:
        images: sets of pictures to learn from, of one canvas; the last of several may change, see `Trainer.refresh`.
        recipe: what a step does.
        variables: to start from, under their checkpoint names; random ones, drawn by ``seed``, when None.
        devices: accelerators to share the work.
        seed: of what is random.

    Raises:
        ValueError: for a backend without trainer, and for several devices on a backend that uses one.
    """
    backend = keras().backend.backend()
    if backend == "jax":
        from .jax import JaxTrainer

        return JaxTrainer(images, recipe, variables, seed, devices)
    if backend == "tensorflow":
        if devices != 1:
            raise ValueError(f"training on {devices} devices needs the JAX backend: set KERAS_BACKEND=jax")
        from .tensorflow import TensorFlowTrainer

        return TensorFlowTrainer(images, recipe, variables, seed)
    raise ValueError(f"no training on the Keras backend {backend!r}: set KERAS_BACKEND to tensorflow or jax")
