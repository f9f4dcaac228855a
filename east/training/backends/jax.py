"""The training step on JAX: one compiled function, pictures and state stay on the accelerators."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as Spec
from numpy.typing import NDArray

from ...model.network import variables_by_name
from ...types import Maps
from ..config import Recipe
from ..data.packing import PackedImages
from .base import Arrays, Trainer
from .losses import Losses, training_losses

State = dict[str, Any]
ALL, SPLIT = Spec(), Spec("devices")


class JaxTrainer(Trainer):
    """Splits each batch over the devices, which keep equal state; batch norm sees one device's share of the batch."""

    def __init__(
        self, images: Sequence[PackedImages], recipe: Recipe, variables: Arrays | None, seed: int, devices: int
    ) -> None:
        """Copies the pictures to the accelerators: the last of several sets is split over them, others are on each."""
        super().__init__(images, recipe, variables, seed)
        if devices > len(jax.devices()):
            raise ValueError(f"asked to train on {devices} devices, JAX sees {len(jax.devices())}")
        self.devices = devices
        self._mesh = Mesh(np.asarray(jax.devices()[:devices]), ("devices",))
        self._specs = [ALL] * len(images)
        if len(images) > 1:
            self._specs[-1] = SPLIT
        self._images = [
            tuple(self._place(array, spec) for array in packed.arrays)
            for packed, spec in zip(images, self._specs, strict=True)
        ]
        trainable = [v.value for v in self.model.trainable_variables]
        fixed = [v.value for v in self.model.non_trainable_variables]
        self._state: State = self._replicate(
            {
                "trainable": trainable,
                "fixed": fixed,
                "averaged": [jnp.array(value) for value in trainable + fixed],
                "optimizer": [v.value for v in self.optimizer.variables],
            }
        )
        self._rate = next(i for i, v in enumerate(self.optimizer.variables) if v.name == "learning_rate")
        self._step = self._compile()
        self._put = jax.jit(self._sharded(_put, (SPLIT, ALL, SPLIT), SPLIT), donate_argnums=0)
        self._predict = jax.jit(self._averaged_outputs)

    def _place(self, array: NDArray[Any], spec: Spec) -> Any:
        return jax.device_put(array, NamedSharding(self._mesh, spec))

    def _replicate(self, tree: Any) -> Any:
        # a copy, because the steps donate their state
        return jax.tree.map(lambda value: self._place(np.array(value), ALL), tree)

    def _sharded(self, function: Callable[..., Any], inputs: Any, outputs: Any) -> Any:
        return jax.shard_map(function, mesh=self._mesh, in_specs=inputs, out_specs=outputs, check_vma=False)

    def _compile(self) -> Any:
        mean = partial(jax.lax.pmean, axis_name="devices")

        def loss(trainable: Any, fixed: Any, views: Any, targets: Any) -> Any:
            outputs, fixed = self.model.stateless_call(trainable, fixed, views, training=True)
            losses = training_losses(outputs, targets, self.recipe.loss)
            return losses.total, (fixed, losses)

        def step(state: State, images: Any, indices: Any, noise: Any, rate: Any, ema_decay: Any) -> Any:
            parts = [[array[index] for array in arrays] for arrays, index in zip(images, indices, strict=True)]
            views, targets = self.batch(parts, noise)
            gradients, (fixed, losses) = jax.grad(loss, has_aux=True)(
                state["trainable"], state["fixed"], views, targets
            )
            gradients, fixed, losses = mean((gradients, fixed, losses))
            optimizer = [rate if i == self._rate else value for i, value in enumerate(state["optimizer"])]
            trainable, optimizer = self.optimizer.stateless_apply(optimizer, gradients, state["trainable"])
            trainable = [
                new if share == 1 else old + share * (new - old)
                for old, new, share in zip(state["trainable"], trainable, self.rates, strict=True)
            ]
            averaged = [
                old + (new - old) * (1 - ema_decay)
                for old, new in zip(state["averaged"], [*trainable, *fixed], strict=True)
            ]
            return {"trainable": trainable, "fixed": fixed, "averaged": averaged, "optimizer": optimizer}, losses

        inputs = (ALL, self._specs, SPLIT, SPLIT, ALL, ALL)
        return jax.jit(self._sharded(step, inputs, (ALL, ALL)), donate_argnums=0)

    def step(
        self, indices: Sequence[NDArray[np.int32]], noise: NDArray[np.float32], learning_rate: float, ema_decay: float
    ) -> Losses:
        self._state, losses = self._step(
            self._state, self._images, list(indices), noise, np.float32(learning_rate), np.float32(ema_decay)
        )
        return Losses(*losses)

    def refresh(self, slots: NDArray[np.int32], images: PackedImages) -> None:
        placed = tuple(self._place(array, SPLIT) for array in images.arrays)
        self._images[-1] = self._put(self._images[-1], slots, placed)

    def variables(self, *, averaged: bool = True) -> Arrays:
        values = self._state["averaged"] if averaged else [*self._state["trainable"], *self._state["fixed"]]
        keras_variables = [*self.model.trainable_variables, *self.model.non_trainable_variables]
        by_variable = {id(v): value for v, value in zip(keras_variables, values, strict=True)}
        return {name: np.asarray(by_variable[id(v)]) for name, v in variables_by_name(self.network).items()}

    def state(self) -> Arrays:
        return {
            f"{part}/{number}": np.asarray(value)
            for part, values in self._state.items()
            for number, value in enumerate(values)
        }

    def restore(self, state: Arrays) -> None:
        self._state = self._replicate(
            {part: [state[f"{part}/{i}"] for i in range(len(values))] for part, values in self._state.items()}
        )

    def predict(self, images: NDArray[np.uint8]) -> Maps:
        short = -len(images) % self.devices
        padded = np.concatenate([images, np.zeros((short, *images.shape[1:]), np.uint8)])
        score, geometry = self._predict(self._state["averaged"], self._place(padded, SPLIT))
        return Maps(np.asarray(score)[: len(images), ..., 0], np.asarray(geometry)[: len(images)])

    def _averaged_outputs(self, averaged: Any, images: Any) -> Any:
        count = len(self.model.trainable_variables)
        outputs, _ = self.model.stateless_call(
            averaged[:count], averaged[count:], images.astype("float32"), training=False
        )
        return outputs[:2]


def _put(arrays: Any, slots: Any, values: Any) -> Any:
    return tuple(array.at[slots].set(new) for array, new in zip(arrays, values, strict=True))
