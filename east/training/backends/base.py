"""What a training step is, whatever computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._tensorflow import keras as import_keras
from ...model.network import assign, build_network, variables_by_name
from ...types import Maps
from ..augment import Words, make_views
from ..bank import Bank
from ..config import Recipe
from ..labels import make_targets
from ..losses import Losses, detection_losses

keras = import_keras()
ops = keras.ops
Tensor = Any
Arrays = dict[str, NDArray[Any]]


class Trainer(ABC):
    """A network in training: takes steps on views of the banks' pictures, keeps averaged weights.

    devices: accelerators that share each batch; every one has its own part of the changing banks.
    """

    devices: int = 1

    def __init__(self, banks: Sequence[Bank], recipe: Recipe, variables: Mapping[str, NDArray[Any]] | None) -> None:
        """Builds the network with fresh variables, or those given under their checkpoint names."""
        self.recipe = recipe
        self.model = build_network(
            dtype=recipe.dtype,
            batch_norm_momentum=recipe.batch_norm_momentum,
            trainable_batch_norm=recipe.trainable_batch_norm,
        )
        if variables is not None:
            assign(self.model, variables)
        for layer in self.model.layers:
            if layer.weights and not layer.name.replace(".", "/").startswith(recipe.trained):
                layer.trainable = False
        self.optimizer = keras.optimizers.AdamW(weight_decay=recipe.weight_decay, global_clipnorm=recipe.clip)
        self.optimizer.exclude_from_weight_decay(
            [v for name, v in variables_by_name(self.model).items() if not name.endswith("/weights")]
        )
        self.optimizer.build(self.model.trainable_variables)
        self.canvas = banks[0].canvas

    @abstractmethod
    def step(
        self, indices: Sequence[NDArray[np.int32]], noise: NDArray[np.float32], learning_rate: float, averaging: float
    ) -> Losses:
        """One step of the optimizer.

        indices: of the pictures to take from each bank; within each device's part where a bank is spread over devices.
        noise: ``(pictures, DRAWS)``. Returns the losses, which a backend may still be computing.
        """

    @abstractmethod
    def refresh(self, slots: NDArray[np.int32], fresh: Bank) -> None:
        """Puts the pictures of ``fresh`` into ``slots`` of the last bank (of each device's part of it)."""

    @abstractmethod
    def variables(self, *, averaged: bool = True) -> Arrays:
        """The network's variables under their checkpoint names."""

    @abstractmethod
    def state(self) -> Arrays:
        """Everything a later `restore` needs to go on as if nothing had happened, banks excepted."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Takes up a `state`."""

    @abstractmethod
    def predict(self, images: NDArray[np.uint8]) -> Maps:
        """What the averaged network says about images, uint8 RGB ``(N, H, W, 3)``."""

    def batch(self, parts: Sequence[Sequence[Tensor]], noise: Tensor) -> tuple[Tensor, Any]:
        """Views and targets of pictures, given as (pixels, sizes, quads, kinds) of each bank's."""
        pixels, sizes, quads, kinds = (ops.concatenate(list(arrays)) for arrays in zip(*parts, strict=True))
        recipe, side = self.recipe, self.recipe.augmentation.crop
        views, words = make_views(pixels, self.canvas, sizes, Words(quads, kinds), noise, recipe.augmentation)
        return views, make_targets(*words, side, side, shrink=recipe.shrink, thinnest=recipe.thinnest)

    def losses(self, outputs: tuple[Tensor, Tensor], targets: Any) -> Losses:
        """The losses of the network's outputs."""
        score, geometry = outputs
        return detection_losses(score, geometry, targets, self.recipe.loss)


def make_trainer(
    banks: Sequence[Bank], recipe: Recipe, variables: Mapping[str, NDArray[Any]] | None = None, devices: int = 1
) -> Trainer:
    """A trainer on the backend that Keras runs on.

    Raises: ValueError for a backend without one, and for several devices on a backend that uses one.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        from .jax import JaxTrainer

        return JaxTrainer(banks, recipe, variables, devices)
    if backend == "tensorflow":
        if devices != 1:
            raise ValueError(f"training on {devices} devices needs the JAX backend: set KERAS_BACKEND=jax")
        from .tensorflow import TensorFlowTrainer

        return TensorFlowTrainer(banks, recipe, variables)
    raise ValueError(f"no training on the Keras backend {backend!r}: set KERAS_BACKEND to tensorflow or jax")
