"""The training step: network, losses and optimizer, once for each Keras backend, behind one interface."""

from __future__ import annotations

from collections.abc import Sequence

from ...frameworks import keras
from ..config import Recipe
from ..data.packing import PackedImages
from .base import Arrays, Trainer

__all__ = ["Trainer", "make_trainer"]


def make_trainer(
    images: Sequence[PackedImages], recipe: Recipe, variables: Arrays | None = None, *, devices: int = 1, seed: int = 0
) -> Trainer:
    """Makes a trainer on the backend that Keras runs on.

    It learns from ``images``, sets of pictures of one canvas, the last of several of which may change, see
    `Trainer.refresh`. ``variables`` to start from go by their checkpoint names; None draws random ones by ``seed``.
    ``devices`` accelerators share the work.

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
