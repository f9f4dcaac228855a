"""The training step on TensorFlow: one device, pictures stay in the host's memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...frameworks import tensorflow
from ...model.network import variables_by_name
from ...types import Maps
from ..config import Recipe
from ..data.packing import Bank
from ..loop.losses import Losses
from .base import Arrays, Trainer

tf = tensorflow()


class TensorFlowTrainer(Trainer):
    """For machines without JAX, and for the processor."""

    def __init__(
        self, banks: Sequence[Bank], recipe: Recipe, variables: Mapping[str, NDArray[Any]] | None, seed: int
    ) -> None:
        """Keeps the banks where they are."""
        super().__init__(banks, recipe, variables, seed)
        self._banks = list(banks)
        self._weights = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        self._averaged = [tf.Variable(v.numpy(), trainable=False) for v in self._weights]
        self._step = tf.function(self._train, reduce_retracing=True)
        self._predict = tf.function(lambda images: self.network(images, training=False), reduce_retracing=True)

    def _train(self, parts: Any, noise: Any, averaging: Any) -> Losses:
        views, targets = self.batch(parts, noise)
        with tf.GradientTape() as tape:
            losses = self.losses(self.model(views, training=True), targets)
            total = losses.total
        trainable = self.model.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(total, trainable), trainable, strict=True))
        for average, variable in zip(self._averaged, self._weights, strict=True):
            average.assign_add((tf.convert_to_tensor(variable) - average) * (1 - averaging))
        return losses

    def step(
        self, indices: Sequence[NDArray[np.int32]], noise: NDArray[np.float32], learning_rate: float, averaging: float
    ) -> Losses:
        self.optimizer.learning_rate = learning_rate
        parts = [
            [tf.convert_to_tensor(array[index]) for array in bank.arrays]
            for bank, index in zip(self._banks, indices, strict=True)
        ]
        return self._step(parts, tf.convert_to_tensor(noise), tf.constant(averaging, tf.float32))  # type: ignore[no-any-return]

    def refresh(self, slots: NDArray[np.int32], fresh: Bank) -> None:
        bank = self._banks[-1]
        for array, new in zip(bank.arrays, fresh.arrays, strict=True):
            array[slots] = new

    def variables(self, *, averaged: bool = True) -> Arrays:
        values = [v.numpy() for v in (self._averaged if averaged else self._weights)]
        by_variable = {id(v): value for v, value in zip(self._weights, values, strict=True)}
        return {name: by_variable[id(v)] for name, v in variables_by_name(self.network).items()}

    def _stateful(self) -> dict[str, Any]:
        parts = {"weights": self._weights, "averaged": self._averaged, "optimizer": self.optimizer.variables}
        return {f"{part}/{number}": v for part, values in parts.items() for number, v in enumerate(values)}

    def state(self) -> Arrays:
        return {name: np.asarray(v) for name, v in self._stateful().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
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
