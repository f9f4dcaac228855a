"""EAST as TensorFlow 1 code builds and trains it, written without the project's own network.

Variables, node names, explicit padding, batch norm, towers, moving averages and Adam are those of the original
multi-GPU training script, so that its checkpoints and graphs can be made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from east.frameworks import tensorflow

tf = tensorflow()
v1 = tf.compat.v1

BatchNorm = Literal["fused", "fused_v1", "decomposed"]
DECAY = 0.997


class SlimEast:
    """One way to build the network: how batch norm is written, and whether it is in training mode."""

    def __init__(self, *, training: bool = False, batch_norm: BatchNorm = "fused") -> None:
        self.training, self.batch_norm = training, batch_norm

    def __call__(self, images: Any) -> tuple[Any, Any]:
        """Adds the network to the default graph."""
        channels = tf.split(images, 3, axis=3)
        x = tf.concat([c - mean for c, mean in zip(channels, (123.68, 116.78, 103.94), strict=True)], axis=3)
        with v1.variable_scope("resnet_v1_50", use_resource=False):
            features = self._resnet(x)
        with v1.variable_scope("feature_fusion", use_resource=False):
            return self._fusion(*features)

    def _resnet(self, x: Any) -> list[Any]:
        x = self._conv2d_same(x, 64, 7, 2, "conv1")
        with tf.name_scope("pool1"):
            x = tf.nn.max_pool2d(x, 3, 2, "SAME", name="MaxPool")
        ends = [x]
        for block, (depth, units, last) in enumerate([(256, 3, 2), (512, 4, 2), (1024, 6, 2), (2048, 3, 1)], start=1):
            for unit in range(1, units + 1):
                with v1.variable_scope(f"block{block}/unit_{unit}/bottleneck_v1"):
                    x = self._bottleneck(x, depth, last if unit == units else 1)
            ends.append(x)
        return [ends[4], ends[2], ends[1], ends[0]]

    def _bottleneck(self, x: Any, depth: int, stride: int) -> Any:
        shortcut = x
        if x.shape[3] != depth:
            shortcut = self._conv(x, depth, 1, "shortcut", activation=None)
        elif stride > 1:
            shortcut = tf.nn.max_pool2d(x, 1, stride, "SAME")
        residual = self._conv(x, depth // 4, 1, "conv1")
        residual = self._conv2d_same(residual, depth // 4, 3, stride, "conv2")
        residual = self._conv(residual, depth, 1, "conv3", activation=None)
        return tf.nn.relu(tf.raw_ops.Add(x=shortcut, y=residual), name="Relu")

    def _fusion(self, f0: Any, f1: Any, f2: Any, f3: Any) -> tuple[Any, Any]:
        def unpool(x: Any) -> Any:
            return v1.image.resize_bilinear(x, [tf.shape(x)[1] * 2, tf.shape(x)[2] * 2])

        names = iter(["Conv"] + [f"Conv_{i}" for i in range(1, 10)])
        x = f0
        for deeper, channels in ((f1, 128), (f2, 64), (f3, 32)):
            x = tf.concat([unpool(x), deeper], axis=-1)
            x = self._conv(x, channels, 1, next(names))
            x = self._conv(x, channels, 3, next(names))
        x = self._conv(x, 32, 3, next(names))
        score = self._conv(x, 1, 1, next(names), activation=tf.nn.sigmoid, normalize=False)
        geo = self._conv(x, 4, 1, next(names), activation=tf.nn.sigmoid, normalize=False) * 512
        angle = self._conv(x, 1, 1, next(names), activation=tf.nn.sigmoid, normalize=False)
        return score, tf.concat([geo, (angle - 0.5) * np.pi / 2], axis=-1)

    def _conv2d_same(self, x: Any, channels: int, size: int, stride: int, name: str) -> Any:
        if stride == 1:
            return self._conv(x, channels, size, name)
        before = (size - 1) // 2
        after = size - 1 - before
        x = tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]])
        return self._conv(x, channels, size, name, stride=stride, padding="VALID")

    def _conv(
        self,
        x: Any,
        channels: int,
        size: int,
        name: str,
        *,
        stride: int = 1,
        padding: str = "SAME",
        activation: Callable[..., Any] | None = tf.nn.relu,
        normalize: bool = True,
    ) -> Any:
        with v1.variable_scope(name):
            weights = _variable("weights", [size, size, int(x.shape[3]), channels])
            x = v1.nn.conv2d(x, weights, strides=stride, padding=padding, name="Conv2D")
            x = self._normalize(x) if normalize else tf.nn.bias_add(x, _variable("biases", [channels]))
            return x if activation is None else activation(x)

    def _normalize(self, x: Any) -> Any:
        with v1.variable_scope("BatchNorm"):
            shape = [int(x.shape[3])]
            gamma, beta = _variable("gamma", shape), _variable("beta", shape)
            mean = _variable("moving_mean", shape, trainable=False)
            variance = _variable("moving_variance", shape, trainable=False)
            if self.batch_norm == "decomposed":
                y, batch_mean, batch_variance = self._decomposed(x, gamma, beta, mean, variance)
            else:
                op = tf.raw_ops.FusedBatchNorm if self.batch_norm == "fused_v1" else tf.raw_ops.FusedBatchNormV3
                inputs = {"mean": [], "variance": []} if self.training else {"mean": mean, "variance": variance}
                y, batch_mean, batch_variance, *_ = op(
                    x=x, scale=gamma, offset=beta, epsilon=1e-5, is_training=self.training, **inputs
                )
            if self.training:
                for moving, value in ((mean, batch_mean), (variance, batch_variance)):
                    with tf.name_scope("AssignMovingAvg"):
                        update = v1.assign_sub(moving, (moving - value) * (1 - DECAY))
                    v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, update)
            return y

    def _decomposed(self, x: Any, gamma: Any, beta: Any, mean: Any, variance: Any) -> tuple[Any, Any, Any]:
        if self.training:
            mean, variance = tf.nn.moments(x, [0, 1, 2])
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-5), mean, variance


def _variable(name: str, shape: list[int], *, trainable: bool = True) -> Any:
    return v1.get_variable(name, shape, tf.float32, tf.zeros_initializer(), trainable=trainable)


@contextmanager
def inference_graph(**how: Any) -> Iterator[tuple[Any, Any, Any]]:
    """The graph the original evaluation script builds: placeholder, score and geometry."""
    with tf.Graph().as_default():
        images = v1.placeholder(tf.float32, [None, None, None, 3], name="input_images")
        v1.get_variable("global_step", [], tf.float32, tf.zeros_initializer(), trainable=False, use_resource=False)
        score, geometry = SlimEast(**how)(images)
        yield images, score, geometry


def average_saver() -> Any:
    """The saver of the original evaluation script, which restores moving averages."""
    averages = v1.train.ExponentialMovingAverage(DECAY)
    return v1.train.Saver(averages.variables_to_restore())


@contextmanager
def training_graph(towers: int = 2, *, averages: bool = True, optimizer: bool = True, **how: Any) -> Iterator[Any]:
    """The graph of the original training script; yields its moving averages, if it is to have them."""
    with tf.Graph().as_default():
        images = v1.placeholder(tf.float32, [None, None, None, 3], name="input_images")
        scores = v1.placeholder(tf.float32, [None, None, None, 1], name="input_score_maps")
        geometries = v1.placeholder(tf.float32, [None, None, None, 5], name="input_geo_maps")
        step = v1.get_variable(
            "global_step", [], tf.float32, tf.zeros_initializer(), trainable=False, use_resource=False
        )
        rate = v1.train.exponential_decay(1e-4, step, 10000, 0.94, staircase=True)
        v1.summary.scalar("learning_rate", rate)
        adam = v1.train.AdamOptimizer(rate)
        updates: list[Any] = []
        shares = zip(*(tf.split(placeholder, towers) for placeholder in (images, scores, geometries)), strict=True)
        for tower, (image, score_map, geometry_map) in enumerate(shares):
            with tf.name_scope(f"model_{tower}"):
                with v1.variable_scope(v1.get_variable_scope(), reuse=tower > 0):
                    score, geometry = SlimEast(training=True, **how)(image)
                overlap = tf.reduce_sum(score * score_map)
                dice = 1 - 2 * overlap / (tf.reduce_sum(score) + tf.reduce_sum(score_map) + 1e-5)
                loss = dice + tf.reduce_mean(tf.abs(geometry - geometry_map) * score_map)
                v1.summary.scalar("loss", loss)
                v1.summary.image("score_map_pred", score * 255)
                if tower == 0 and optimizer:  # the gradients of the others would only make the graph larger
                    updates = [adam.compute_gradients(loss)]
        applied = [adam.apply_gradients(gradients, global_step=step) for gradients in updates]
        moving = v1.train.ExponentialMovingAverage(DECAY, step) if averages else None
        average = [moving.apply(v1.trainable_variables())] if moving else []
        with tf.control_dependencies([*average, *applied, *v1.get_collection(v1.GraphKeys.UPDATE_OPS)]):
            tf.no_op(name="train_op")
        v1.summary.merge_all()
        yield moving


def save_training_checkpoint(prefix: Path, averages: Any, values: dict[str, NDArray[np.float32]]) -> Path:
    """Saves the training graph with ``values`` as moving averages, and other raw values; returns the full prefix."""
    feeds = {}
    for variable in v1.global_variables():
        if variable.op.name in values:
            value = values[variable.op.name]
            average = averages.average(variable)
            feeds[variable.initializer.inputs[1]] = value if average is None else value * 0.9 + 0.01
            if average is not None:
                feeds[average.initializer.inputs[1]] = value
    options = v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    with v1.Session(config=options) as session:
        session.run([variable.initializer for variable in v1.global_variables()], feeds)
        return Path(v1.train.Saver(v1.global_variables()).save(session, str(prefix), global_step=7))
