"""A network of three convolutions before its heads, small enough to be computed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.support.graphs import tf, write_graph

RELU = "first/Relu"


def arrays(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Weights (height, width, in, out) and biases by name."""
    draw = np.random.default_rng(seed)
    shapes = {"first": (3, 3, 3, 8), "second": (1, 1, 8, 6), "third": (3, 3, 6, 6), "score": (1, 1, 6, 1)}
    shapes["geometry"] = (1, 1, 6, 5)
    made = {f"{name}/weights": draw.normal(0, 0.2, shape) for name, shape in shapes.items()}
    made |= {f"{name}/biases": draw.normal(0, 0.2, shape[-1:]) for name, shape in shapes.items()}
    made["first/weights"] /= 100
    return {name: array.astype(np.float32) for name, array in made.items()}


def write_small(path: Path, seed: int = 0, *, odd: bool = False) -> None:
    """Writes the network as a frozen graph; an ``odd`` one has operations that EAST has not."""
    values = arrays(seed)

    def network(images: Any) -> tuple[Any, Any]:
        def layer(tensor: Any, name: str, strides: int = 1) -> Any:
            weights, biases = (
                tf.constant(values[f"{name}/{part}"], name=f"{name}/{part}") for part in ("weights", "biases")
            )
            product = tf.nn.conv2d(tensor, weights, strides, "SAME", name=f"{name}/Conv2D")
            return tf.nn.bias_add(product, biases, name=f"{name}/BiasAdd")

        first = tf.nn.relu(layer(images, "first", 4), name=RELU)
        second = layer(first, "second")
        second = tf.nn.elu(second) + tf.tanh(first[..., :6]) if odd else tf.nn.relu(second, name="second/Relu")
        third = tf.nn.relu(layer(second, "third"), name="third/Relu")
        return tf.sigmoid(layer(third, "score")), tf.sigmoid(layer(third, "geometry")) * 512

    write_graph(path, network)
