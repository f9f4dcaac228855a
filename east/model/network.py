"""The network in Keras 3, for any of its backends: what is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frameworks import keras as import_keras
from .architecture import BATCH_NORM_EPSILON, Architecture
from .checkpoint import KERAS_NAMES, check_variables

keras = import_keras()
layers, ops = keras.layers, keras.ops


def build_network(
    *, dtype: str | None = None, batch_norm_momentum: float = 0.997, trainable_batch_norm: bool = True
) -> Any:
    """Builds the network as a ``keras.Model`` with newly drawn variables.

    Args:
        dtype: Keras precision policy of everything but the mean subtraction and the heads, which stay float32;
            by default the global one. ``mixed_bfloat16`` is the one for training on an accelerator.
        batch_norm_momentum: the share of a moving average that one training step keeps.
        trainable_batch_norm: False keeps batch norm in inference mode, with its variables fixed.

    Returns:
        A model from ``input_images`` (N, H, W, 3), RGB 0..255, H and W multiples of 32, to two float32 maps at
        stride 4: score (N, H/4, W/4, 1), and geometry (N, H/4, W/4, 5): distances to the top, right, bottom and
        left side in input pixels, then the angle in radians, within ±pi/4.
    """
    images = keras.Input((None, None, 3), dtype="float32", name="input_images")
    momentum, trainable = batch_norm_momentum, trainable_batch_norm
    batch_norm = {"momentum": momentum, "epsilon": BATCH_NORM_EPSILON, "trainable": trainable}
    return keras.Model(images, _KerasLayers(dtype, batch_norm).outputs(images), name="east")


def variables_by_name(model: Any) -> dict[str, Any]:
    """The Keras variables of a `build_network` model under their checkpoint names."""
    return {
        f"{layer.name.replace('.', '/')}/{KERAS_NAMES.get(variable.name, variable.name)}": variable
        for layer in model.layers
        for variable in layer.variables
    }


def assign(model: Any, values: Mapping[str, NDArray[Any]]) -> None:
    """Sets every variable of a `build_network` model from arrays under checkpoint names; other names are ignored.

    Raises:
        CheckpointError: some are missing or mis-shaped; nothing has been changed then.
    """
    variables = variables_by_name(model)
    check_variables(values, {name: tuple(variable.shape) for name, variable in variables.items()})
    for name, variable in variables.items():
        variable.assign(values[name])


def upsample(x: Any) -> Any:
    """Doubles height and width of ``x`` (N, H, W, C) bilinearly, without half-pixel centres, in neutral operations.

    Pixel 2i is pixel i, pixel 2i + 1 the mean of i and i + 1, and the last one repeats: what TensorFlow 1's
    ``resize_bilinear`` gives.
    """
    for axis, following, last in ((1, np.s_[:, 1:], np.s_[:, -1:]), (2, np.s_[:, :, 1:], np.s_[:, :, -1:])):
        x = ops.repeat(x, 2, axis)
        x = (x + ops.concatenate([x[following], x[last]], axis)) / 2
    return x


class Upsample(layers.Layer):  # type: ignore[misc, name-defined]
    """`upsample` as a layer, which on TensorFlow is one operation."""

    def call(self, x: Any) -> Any:
        if keras.backend.backend() != "tensorflow":
            return upsample(x)
        from ..frameworks import tensorflow

        tf = tensorflow()
        doubled = tf.raw_ops.ResizeBilinear(images=x, size=tf.shape(x)[1:3] * [2, 2])
        return tf.cast(doubled, x.dtype)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, height, width, channels = shape
        return batch, height and 2 * height, width and 2 * width, channels


class _KerasLayers(Architecture):
    """Keras layers, named after the scopes with dots for slashes, which is how `variables_by_name` finds them."""

    def __init__(self, dtype: str | None, batch_norm: dict[str, Any]) -> None:
        super().__init__()
        self.dtype = dtype
        self.batch_norm = batch_norm

    def rescale(self, x: Any, name: str, scale: float, offset: float | Sequence[float] = 0.0) -> Any:
        return layers.Rescaling(scale, offset, dtype="float32", name=_dotted(name))(x)

    def conv(self, x: Any, scope: str, channels: int, size: int, stride: int = 1, *, relu: bool = True) -> Any:
        name = _dotted(scope)
        if stride > 1:
            x = layers.ZeroPadding2D(size // 2, dtype=self.dtype, name=f"{name}.Pad")(x)
        padding = "valid" if stride > 1 else "same"
        options = {"use_bias": False, "kernel_initializer": "he_normal", "dtype": self.dtype}
        x = layers.Conv2D(channels, size, stride, padding, name=name, **options)(x)
        x = layers.BatchNormalization(**self.batch_norm, dtype=self.dtype, name=f"{name}.BatchNorm")(x)
        return self._relu(x, name) if relu else x

    def max_pool(self, x: Any, name: str, size: int) -> Any:
        padding = "same" if size > 1 else "valid"
        return layers.MaxPooling2D(size, 2, padding, dtype=self.dtype, name=_dotted(name))(x)

    def add(self, x: Any, y: Any, scope: str) -> Any:
        name = _dotted(scope)
        return self._relu(layers.Add(dtype=self.dtype, name=f"{name}.add")([x, y]), name)

    def upsample(self, x: Any, name: str) -> Any:
        return Upsample(dtype=self.dtype, name=_dotted(name))(x)

    def concat(self, parts: Sequence[Any], name: str) -> Any:
        return layers.Concatenate(dtype=parts[0].dtype, name=_dotted(name))(parts)

    def head(self, x: Any, scope: str, channels: int) -> Any:
        name = _dotted(scope)
        logits = layers.Conv2D(channels, 1, dtype="float32", name=name)(x)
        return layers.Activation("sigmoid", dtype="float32", name=f"{name}.Sigmoid")(logits)

    def _relu(self, x: Any, name: str) -> Any:
        return layers.ReLU(dtype=self.dtype, name=f"{name}.Relu")(x)


def _dotted(name: str) -> str:
    return name.replace("/", ".")
