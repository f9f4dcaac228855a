"""EAST on ResNet-50: which layer follows which, written once for all that build it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..types import MEAN_RGB

BATCH_NORM_EPSILON = 1e-5
BATCH_NORM_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
BACKBONE = "resnet_v1_50/"
TEXT_SCALE = 512.0  # pixels: the longest distance
BLOCKS = ((64, 3, 2), (128, 4, 2), (256, 6, 2), (512, 3, 1))  # bottleneck channels, units, stride of the last unit


class Architecture:
    """The network in terms of a few kinds of layers, called by their scopes in the checkpoints.

    Subclasses make these of Keras or of TensorFlow; here they only take down their variables' shapes, and a number of
    channels stands for what is ``(N, H, W, C)`` there. The backbone is slim's ResNet-50 v1, in which a block is
    strided in its last unit.

    Source: Zhou et al., "EAST: An Efficient and Accurate Scene Text Detector", CVPR 2017, with ResNet-50
    (He et al., CVPR 2016) for PVANet.
    """

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {}

    def rescale(self, x: Any, name: str, scale: float, offset: float | Sequence[float] = 0.0) -> Any:
        """``x * scale + offset``, in float32."""
        return x

    def conv(self, x: Any, scope: str, channels: int, size: int, stride: int = 1, *, relu: bool = True) -> Any:
        """Convolution, padded by half the kernel on each side, then batch norm and ReLU."""
        self.shapes[f"{scope}/weights"] = (size, size, x, channels)
        self.shapes.update({f"{scope}/BatchNorm/{name}": (channels,) for name in BATCH_NORM_VARIABLES})
        return channels

    def max_pool(self, x: Any, name: str, size: int) -> Any:
        """Max-pooling at stride 2, padded where needed."""
        return x

    def add(self, x: Any, y: Any, scope: str) -> Any:
        """Sum and ReLU."""
        return x

    def upsample(self, x: Any, name: str) -> Any:
        """Twice the height and width, bilinearly, without half-pixel centres."""
        return x

    def concat(self, parts: Sequence[Any], name: str) -> Any:
        """All channels of ``parts``."""
        return sum(parts)

    def head(self, x: Any, scope: str, channels: int) -> Any:
        """1x1 convolution with biases and sigmoid, in float32: bfloat16 would round distances to two pixels."""
        self.shapes.update({f"{scope}/weights": (1, 1, x, channels), f"{scope}/biases": (channels,)})
        return channels

    def outputs(self, images: Any) -> tuple[Any, Any]:
        """Builds the network on images, RGB 0..255; returns score and geometry as `east.types.Maps` describes them."""
        x = self._fusion(*self._backbone(images))
        score = self.head(x, "feature_fusion/Conv_7", 1)
        distances = self.rescale(self.head(x, "feature_fusion/Conv_8", 4), "feature_fusion/distances", TEXT_SCALE)
        angle = self.head(x, "feature_fusion/Conv_9", 1)
        angle = self.rescale(angle, "feature_fusion/angle", np.pi / 2, -np.pi / 4)
        return score, self.concat([distances, angle], "feature_fusion/concat_3")

    def _backbone(self, images: Any) -> tuple[Any, Any, Any, Any]:
        """Features at strides 4 (64 channels), 8 (256), 16 (512) and 32 (2048)."""
        x = self.rescale(images, "mean_subtraction", 1.0, [-mean for mean in MEAN_RGB])
        x = self.conv(x, f"{BACKBONE}conv1", 64, 7, 2)
        x = pool1 = self.max_pool(x, f"{BACKBONE}pool1", 3)
        ends = []
        for block, (channels, units, last_stride) in enumerate(BLOCKS, 1):
            for unit in range(1, units + 1):
                scope = f"{BACKBONE}block{block}/unit_{unit}/bottleneck_v1"
                x = self._bottleneck(x, scope, channels, last_stride if unit == units else 1, first=unit == 1)
            ends.append(x)
        return pool1, ends[0], ends[1], ends[3]

    def _bottleneck(self, x: Any, scope: str, channels: int, stride: int, *, first: bool) -> Any:
        shortcut = x
        if first:
            shortcut = self.conv(x, f"{scope}/shortcut", 4 * channels, 1, relu=False)
        elif stride > 1:
            shortcut = self.max_pool(x, f"{scope}/shortcut", 1)
        x = self.conv(x, f"{scope}/conv1", channels, 1)
        x = self.conv(x, f"{scope}/conv2", channels, 3, stride)
        x = self.conv(x, f"{scope}/conv3", 4 * channels, 1, relu=False)
        return self.add(shortcut, x, scope)

    def _fusion(self, stride4: Any, stride8: Any, stride16: Any, stride32: Any) -> Any:
        """Merges the features from the deepest up, to 32 channels at stride 4."""
        x = self._merge(stride32, stride16, "feature_fusion/Conv", 128)
        x = self.conv(x, "feature_fusion/Conv_1", 128, 3)
        x = self._merge(x, stride8, "feature_fusion/Conv_2", 64)
        x = self.conv(x, "feature_fusion/Conv_3", 64, 3)
        x = self._merge(x, stride4, "feature_fusion/Conv_4", 32)
        x = self.conv(x, "feature_fusion/Conv_5", 32, 3)
        return self.conv(x, "feature_fusion/Conv_6", 32, 3)

    def _merge(self, deeper: Any, features: Any, scope: str, channels: int) -> Any:
        x = self.concat([self.upsample(deeper, f"{scope}/upsample"), features], f"{scope}/concat")
        return self.conv(x, scope, channels, 1)


@cache
def variable_shapes() -> dict[str, tuple[int, ...]]:
    """The shapes of the network's 306 variables by checkpoint name; convolutions are (height, width, in, out)."""
    network = Architecture()
    network.outputs(3)
    return network.shapes
