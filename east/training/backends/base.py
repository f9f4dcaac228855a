"""What every backend's training step has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frameworks import keras as import_keras
from ...model.architecture import BACKBONE
from ...model.network import assign, build_network, variables_by_name
from ...types import Maps
from ..config import Recipe
from ..data.augment import Words, make_views
from ..data.cutmix import Patches
from ..data.dataset import MOST_WORDS
from ..data.labels import make_targets
from ..data.letters import LETTER_CLASSES
from ..data.packing import PackedImages
from .losses import Losses

keras = import_keras()
ops = keras.ops
Tensor = Any
Arrays = Mapping[str, NDArray[Any]]

LETTER_FEATURES = "feature_fusion.Conv_5.Relu"  # the layer that letters are read from


class Trainer(ABC):
    """A ``network`` in training: takes steps on views of pictures, keeps averaged weights.

    ``model`` is the same network with the layers that only training needs.
    """

    devices: int = 1  # accelerators that share each batch

    def __init__(self, images: Sequence[PackedImages], recipe: Recipe, variables: Arrays | None, seed: int) -> None:
        """Builds network and optimizer; arguments as `make_trainer` takes them."""
        keras.utils.set_random_seed(seed)
        self.recipe = recipe
        self.network = build_network(
            dtype=recipe.dtype,
            batch_norm_momentum=recipe.batch_norm_momentum,
            trainable_batch_norm=recipe.trainable_batch_norm,
        )
        if variables is not None:
            drawn = {name: np.asarray(variable) for name, variable in variables_by_name(self.network).items()}
            assign(self.network, {**drawn, **variables})
        self.model = with_letter_head(self.network) if recipe.loss.reading else self.network
        for layer in self.network.layers:
            if layer.weights and not layer.name.replace(".", "/").startswith(recipe.trained):
                layer.trainable = False
        named = variables_by_name(self.model)
        self.optimizer = keras.optimizers.AdamW(weight_decay=recipe.weight_decay, global_clipnorm=recipe.clip)
        self.optimizer.exclude_from_weight_decay([v for name, v in named.items() if not name.endswith("/weights")])
        self.optimizer.build(self.model.trainable_variables)
        backbone = {id(v) for name, v in named.items() if name.startswith(BACKBONE)}
        self.rates = [recipe.backbone_rate if id(v) in backbone else 1.0 for v in self.model.trainable_variables]
        self.canvas = images[0].canvas

    @abstractmethod
    def step(
        self, indices: Sequence[NDArray[np.int32]], noise: NDArray[np.float32], learning_rate: float, ema_decay: float
    ) -> Losses:
        """Takes one step of the optimizer; returns the losses, which a backend may still be computing.

        ``indices`` are those of the pictures to take from each set, within each device's part where a set is split;
        ``noise``, ``(pictures, NUMBERS_PER_VIEW)``, is uniform in 0..1; ``ema_decay`` is the share of the averaged
        weights that stays.
        """

    @abstractmethod
    def refresh(self, slots: NDArray[np.int32], images: PackedImages) -> None:
        """Puts pictures into ``slots`` of the last set (of each device's part of it)."""

    @abstractmethod
    def variables(self, *, averaged: bool = True) -> Arrays:
        """The network's variables under their checkpoint names."""

    @abstractmethod
    def state(self) -> Arrays:
        """Everything a later `restore` needs to go on as if nothing had happened, except the pictures."""

    @abstractmethod
    def restore(self, state: Arrays) -> None:
        """Goes back to a `state`."""

    @abstractmethod
    def predict(self, images: NDArray[np.uint8]) -> Maps:
        """What the averaged network says about images, uint8 RGB ``(N, H, W, 3)``."""

    def batch(self, parts: Sequence[Sequence[Tensor]], noise: Tensor) -> tuple[Tensor, Any]:
        """Views and targets of pictures, given as the arrays of each set's."""
        pixels, sizes, *words = (ops.concatenate(list(arrays)) for arrays in zip(*parts, strict=True))
        recipe, side = self.recipe, self.recipe.augmentation.crop
        views, seen = make_views(pixels, self.canvas, sizes, Words(*words), noise, recipe.augmentation)
        targets = partial(
            make_targets,
            height=side,
            width=side,
            shrink=recipe.shrink,
            min_core=recipe.min_core,
            even_area=recipe.even_area,
        )
        if not recipe.augmentation.cutmix:
            return views, targets(*seen)
        patches = Patches(noise, recipe.augmentation)
        hosts, guests = targets(*patches.hosts(seen)), targets(*patches.guests(seen))
        guests = guests._replace(word=guests.word + MOST_WORDS)
        return patches.paste(views), patches.paste_targets(hosts, guests)


def with_letter_head(network: Any) -> Any:
    """The network with a third output, float32 ``(N, H/4, W/4, LETTER_CLASSES)``, the logits of the letters.

    These layers serve training alone; the network that is written down does not have them.
    """
    layers, features = keras.layers, network.get_layer(LETTER_FEATURES)
    conv = layers.Conv2D(64, 3, padding="same", activation="relu", dtype=features.dtype_policy, name="letters.Conv")
    logits = layers.Conv2D(LETTER_CLASSES, 1, dtype="float32", name="letters.Conv_1")(conv(features.output))
    return keras.Model(network.inputs[0], (*network.outputs, logits), name="east_with_letters")
