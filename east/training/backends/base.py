"""What a training step is, whatever computes it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frameworks import keras as import_keras
from ...model.network import assign, build_network, variables_by_name
from ...types import Maps
from ..config import Recipe
from ..data.augment import Words, make_views
from ..data.cutmix import Patches
from ..data.labels import make_targets
from ..data.packing import Bank
from ..data.reading import with_reader
from ..loop.losses import Losses, training_losses

keras = import_keras()
ops = keras.ops
Tensor = Any
Arrays = dict[str, NDArray[Any]]


class Trainer(ABC):
    """A network in training: takes steps on views of the banks' pictures, keeps averaged weights.

    network: what is trained for. model: the same, with the layers that only training needs.
    devices: accelerators that share each batch; every one has its own part of the changing banks.
    """

    devices: int = 1

    def __init__(
        self, banks: Sequence[Bank], recipe: Recipe, variables: Mapping[str, NDArray[Any]] | None, seed: int
    ) -> None:
        """Builds the network with fresh variables, drawn by ``seed``, or those given under their checkpoint names."""
        keras.utils.set_random_seed(seed)
        self.recipe = recipe
        self.network = build_network(
            dtype=recipe.dtype,
            batch_norm_momentum=recipe.batch_norm_momentum,
            trainable_batch_norm=recipe.trainable_batch_norm,
        )
        if variables is not None:
            assign(self.network, variables)
        self.model = with_reader(self.network) if recipe.loss.reading else self.network
        for layer in self.network.layers:
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
        """Views and targets of pictures, given as the arrays of each bank's."""
        pixels, sizes, *words = (ops.concatenate(list(arrays)) for arrays in zip(*parts, strict=True))
        recipe, side = self.recipe, self.recipe.augmentation.crop
        views, seen = make_views(pixels, self.canvas, sizes, Words(*words), noise, recipe.augmentation)
        targets = partial(make_targets, height=side, width=side, shrink=recipe.shrink, thinnest=recipe.thinnest)
        if not recipe.augmentation.mixed:
            return views, targets(*seen)
        patches = Patches(noise, recipe.augmentation)
        hosts, guests = targets(*patches.hosts(seen)), targets(*patches.guests(seen))
        return patches.paste(views), patches.paste_targets(hosts, guests)

    def losses(self, outputs: Sequence[Tensor], targets: Any) -> Losses:
        """The losses of the model's outputs."""
        return training_losses(outputs, targets, self.recipe.loss)


def make_trainer(
    banks: Sequence[Bank],
    recipe: Recipe,
    variables: Mapping[str, NDArray[Any]] | None = None,
    *,
    devices: int = 1,
    seed: int = 0,
) -> Trainer:
    """A trainer on the backend that Keras runs on.

    Raises: ValueError for a backend without one, and for several devices on a backend that uses one.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        from .jax import JaxTrainer

        return JaxTrainer(banks, recipe, variables, seed, devices)
    if backend == "tensorflow":
        if devices != 1:
            raise ValueError(f"training on {devices} devices needs the JAX backend: set KERAS_BACKEND=jax")
        from .tensorflow import TensorFlowTrainer

        return TensorFlowTrainer(banks, recipe, variables, seed)
    raise ValueError(f"no training on the Keras backend {backend!r}: set KERAS_BACKEND to tensorflow or jax")
