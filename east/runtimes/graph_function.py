"""A frozen graph as a TensorFlow function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..frameworks import tensorflow
from ..model.frozen import FrozenModel


def graph_function(frozen: FrozenModel, tensors: Sequence[str] | None = None) -> Callable[[Any], Sequence[Any]]:
    """A function from the tensor of images to those of score and geometry, to be called inside a ``tf.function``.

    Args:
        frozen: the graph.
        tensors: names of nodes whose tensors are wanted instead.
    """
    tf = tensorflow()
    wanted = [f"{name}:0" for name in tensors or (frozen.score_name, frozen.geometry_name)]
    body = type(frozen.graph_def)(versions=frozen.graph_def.versions)
    body.node.extend(node for node in frozen.graph_def.node if node.name != frozen.input_name)

    def run(images: Any) -> Sequence[Any]:
        fed = {f"{frozen.input_name}:0": images}
        found: Sequence[Any] = tf.graph_util.import_graph_def(body, input_map=fed, return_elements=wanted, name="")
        return found

    return run
