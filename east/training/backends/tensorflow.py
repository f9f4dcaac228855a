"""The training step on TensorFlow: one device, pictures stay in the host's memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frameworks import tensorflow
from ...model.network import variables_by_name
from ...types import Maps
from ..config import Recipe
from ..data.packing import PackedImages
from .base import Arrays, Trainer
from .losses import Losses, training_losses

tf = tensorflow()


class TensorFlowTrainer(Trainer):
    """Trains on one GPU, or on the processor."""

    def __init__(self, images: Sequence[PackedImages], recipe: Recipe, variables: Arrays | None, seed: int) -> None:
        super().__init__(images, recipe, variables, seed)
        self._images = images
        self._weights = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        self._averaged = [tf.Variable(v.numpy(), trainable=False) for v in self._weights]
        learning = {id(v) for layer in self.model.layers if layer.trainable for v in layer.variables}
        pairs = zip(self._averaged, self._weights, strict=True)
        self._changing = [(average, v) for average, v in pairs if id(v) in learning]
        # The functions are those that JAX traces: there is nothing in them for AutoGraph to translate.
        self._step = tf.function(self._train, reduce_retracing=True, autograph=False)
        self._predict = tf.function(
            lambda images: self.network(images, training=False), reduce_retracing=True, autograph=False
        )

    def _train(self, parts: Any, noise: Any, ema_decay: Any) -> Losses:
        views, targets = self.batch(parts, noise)
        with tf.GradientTape() as tape:
            losses = training_losses(self.model(views, training=True), targets, self.recipe.loss)
            total = losses.total
        trainable = self.model.trainable_variables
        slower = [
            (v, tf.convert_to_tensor(v), rate) for v, rate in zip(trainable, self.rates, strict=True) if rate != 1
        ]
        self.optimizer.apply_gradients(zip(tape.gradient(total, trainable), trainable, strict=True))
        for variable, before, rate in slower:
            variable.assign(before + rate * (tf.convert_to_tensor(variable) - before))
        for average, variable in self._changing:  # the average of a fixed one is the variable
            average.assign_add((tf.convert_to_tensor(variable) - average) * (1 - ema_decay))
        return losses

    def step(
        self, indices: Sequence[NDArray[np.int32]], noise: NDArray[np.float32], learning_rate: float, ema_decay: float
    ) -> Losses:
        self.optimizer.learning_rate = learning_rate
        parts = [
            [tf.convert_to_tensor(array[index]) for array in images.arrays]
            for images, index in zip(self._images, indices, strict=True)
        ]
        return self._step(parts, tf.convert_to_tensor(noise), tf.constant(ema_decay, tf.float32))  # type: ignore[no-any-return]

    def refresh(self, slots: NDArray[np.int32], images: PackedImages) -> None:
        for array, new in zip(self._images[-1].arrays, images.arrays, strict=True):
            array[slots] = new

    def variables(self, *, averaged: bool = True) -> Arrays:
        values = dict(zip(map(id, self._weights), self._averaged if averaged else self._weights, strict=True))
        return {name: values[id(v)].numpy() for name, v in variables_by_name(self.network).items()}

    def _stateful(self) -> dict[str, Any]:
        parts = {"weights": self._weights, "averaged": self._averaged, "optimizer": self.optimizer.variables}
        return {f"{part}/{number}": v for part, values in parts.items() for number, v in enumerate(values)}

    def state(self) -> Arrays:
        return {name: np.asarray(v) for name, v in self._stateful().items()}

    def restore(self, state: Arrays) -> None:
        for name, variable in self._stateful().items():
            variable.assign(state[name])

    def predict(self, images: NDArray[np.uint8]) -> Maps:
        trained = [v.numpy() for v in self._weights]
        self._set_weights([v.numpy() for v in self._averaged])
        score, geometry = self._predict(tf.cast(images, tf.float32))
        self._set_weights(trained)
        return Maps(score.numpy()[..., 0], geometry.numpy())

    def _set_weights(self, values: Sequence[NDArray[Any]]) -> None:
        for variable, value in zip(self._weights, values, strict=True):
            variable.assign(value)
