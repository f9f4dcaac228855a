"""EAST on ResNet-50, in Keras 3 for any of its backends.

The backbone is slim's ResNet-50 v1, in which a block is strided in its last unit. Layers are named after
the checkpoint's scopes with dots for slashes, which is how `variables_by_name` finds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..frameworks import keras as import_keras
from .checkpoint import check_variables

keras = import_keras()
layers, ops = keras.layers, keras.ops

MEAN = (123.68, 116.78, 103.94)
TEXT_SCALE = 512.0
BATCH_NORM_EPSILON = 1e-5
BLOCKS = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))  # bottleneck channels, units, stride of the last unit

_CHECKPOINT_NAMES = {"kernel": "weights", "bias": "biases"}


def build_network(
    *, dtype: str | None = None, batch_norm_momentum: float = 0.997, trainable_batch_norm: bool = True
) -> Any:
    """Builds the network as a ``keras.Model`` with fresh variables.

    In: ``input_images`` (N, H, W, 3), RGB 0..255, H and W multiples of 32. Out, both float32 at stride 4:
    score (N, H/4, W/4, 1), and geometry (N, H/4, W/4, 5): distances to the top, right, bottom and left side
    in input pixels, then the angle in radians, within ±pi/4.

    dtype: Keras precision policy of everything but the mean subtraction and the heads, which stay float32;
        by default the global one. ``mixed_bfloat16`` is the one for training on an accelerator.
    batch_norm_momentum: the share of a moving average that one training step keeps.
    trainable_batch_norm: False keeps batch norm in inference mode, with its variables fixed.

    Source: Zhou et al., "EAST: An Efficient and Accurate Scene Text Detector", CVPR 2017, with ResNet-50
    (He et al., CVPR 2016) for PVANet.
    """
    parts = _Parts(dtype, batch_norm_momentum, trainable_batch_norm)
    images = keras.Input((None, None, 3), dtype="float32", name="input_images")
    centred = layers.Rescaling(1.0, [-mean for mean in MEAN], dtype="float32", name="mean_subtraction")(images)
    return keras.Model(images, _heads(_fusion(parts, *_backbone(parts, centred))), name="east")


def variables_by_name(model: Any) -> dict[str, Any]:
    """The Keras variables of a `build_network` model under their checkpoint names."""
    return {
        f"{layer.name.replace('.', '/')}/{_CHECKPOINT_NAMES.get(variable.name, variable.name)}": variable
        for layer in model.layers
        for variable in layer.variables
    }


@cache
def variable_shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of the network's 306 variables by checkpoint name; convolutions are (height, width, in, out)."""
    return {name: tuple(variable.shape) for name, variable in variables_by_name(build_network()).items()}


def assign(model: Any, values: Mapping[str, NDArray[Any]]) -> None:
    """Sets every variable of a `build_network` model from arrays under checkpoint names; other names are ignored.

    Raises `CheckpointError` listing the missing and mis-shaped ones, and then changes nothing.
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
    """`upsample` as a layer, which on TensorFlow is the one operation that converters know."""

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


@dataclass(frozen=True)
class _Parts:
    """Makes the layers that repeat."""

    dtype: str | None
    momentum: float
    trainable_batch_norm: bool

    def conv(self, x: Any, scope: str, channels: int, size: int, stride: int = 1, *, relu: bool = True) -> Any:
        """Convolution, batch norm and ReLU; when strided, padded by half the kernel on each side."""
        if stride > 1:
            x = layers.ZeroPadding2D(size // 2, dtype=self.dtype, name=f"{scope}.Pad")(x)
        x = layers.Conv2D(
            channels,
            size,
            stride,
            padding="valid" if stride > 1 else "same",
            use_bias=False,
            kernel_initializer="he_normal",
            dtype=self.dtype,
            name=scope,
        )(x)
        x = layers.BatchNormalization(
            momentum=self.momentum,
            epsilon=BATCH_NORM_EPSILON,
            trainable=self.trainable_batch_norm,
            dtype=self.dtype,
            name=f"{scope}.BatchNorm",
        )(x)
        return self.relu(x, scope) if relu else x

    def bottleneck(self, x: Any, scope: str, channels: int, stride: int) -> Any:
        shortcut = x
        if x.shape[-1] != 4 * channels:
            shortcut = self.conv(x, f"{scope}.shortcut", 4 * channels, 1, relu=False)
        elif stride > 1:
            shortcut = layers.MaxPooling2D(1, stride, dtype=self.dtype, name=f"{scope}.shortcut")(x)
        x = self.conv(x, f"{scope}.conv1", channels, 1)
        x = self.conv(x, f"{scope}.conv2", channels, 3, stride)
        x = self.conv(x, f"{scope}.conv3", 4 * channels, 1, relu=False)
        x = layers.Add(dtype=self.dtype, name=f"{scope}.add")([shortcut, x])
        return self.relu(x, scope)

    def relu(self, x: Any, scope: str) -> Any:
        return layers.ReLU(dtype=self.dtype, name=f"{scope}.Relu")(x)

    def merge(self, deeper: Any, features: Any, scope: str, channels: int) -> Any:
        deeper = Upsample(dtype=self.dtype, name=f"{scope}.upsample")(deeper)
        x = layers.Concatenate(dtype=self.dtype, name=f"{scope}.concat")([deeper, features])
        return self.conv(x, scope, channels, 1)


def _backbone(parts: _Parts, x: Any) -> tuple[Any, Any, Any, Any]:
    """Features at strides 4 (64 channels), 8 (256), 16 (512) and 32 (2048)."""
    x = parts.conv(x, "resnet_v1_50.conv1", 64, 7, 2)
    x = pool1 = layers.MaxPooling2D(3, 2, padding="same", dtype=parts.dtype, name="resnet_v1_50.pool1")(x)
    ends = []
    for block, (channels, units, last_stride) in enumerate(BLOCKS, 1):
        for unit in range(1, units + 1):
            scope = f"resnet_v1_50.block{block}.unit_{unit}.bottleneck_v1"
            x = parts.bottleneck(x, scope, channels, last_stride if unit == units else 1)
        ends.append(x)
    block1, block2, _, block4 = ends
    return pool1, block1, block2, block4


def _fusion(parts: _Parts, stride4: Any, stride8: Any, stride16: Any, stride32: Any) -> Any:
    """Merges the features from the deepest up, to 32 channels at stride 4."""
    x = parts.merge(stride32, stride16, "feature_fusion.Conv", 128)
    x = parts.conv(x, "feature_fusion.Conv_1", 128, 3)
    x = parts.merge(x, stride8, "feature_fusion.Conv_2", 64)
    x = parts.conv(x, "feature_fusion.Conv_3", 64, 3)
    x = parts.merge(x, stride4, "feature_fusion.Conv_4", 32)
    x = parts.conv(x, "feature_fusion.Conv_5", 32, 3)
    return parts.conv(x, "feature_fusion.Conv_6", 32, 3)


def _heads(x: Any) -> tuple[Any, Any]:
    """Score and geometry; float32, because bfloat16 would round distances to two pixels."""

    def head(scope: str, channels: int) -> Any:
        logits = layers.Conv2D(channels, 1, dtype="float32", name=f"feature_fusion.{scope}")(x)
        return layers.Activation("sigmoid", dtype="float32", name=f"feature_fusion.{scope}.Sigmoid")(logits)

    def rescale(x: Any, scale: float, offset: float, name: str) -> Any:
        return layers.Rescaling(scale, offset, dtype="float32", name=f"feature_fusion.{name}")(x)

    score = head("Conv_7", 1)
    distances = rescale(head("Conv_8", 4), TEXT_SCALE, 0.0, "distances")
    angle = rescale(head("Conv_9", 1), np.pi / 2, -np.pi / 4, "angle")
    return score, layers.Concatenate(dtype="float32", name="feature_fusion.concat_3")([distances, angle])
