"""A frozen network: one graph with its weights, which every runtime takes whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import GraphError, WeightsError
from ..files import sha256_file, written_whole
from .graphdef import GraphDef, dtype_name, shape_of
from .reading import read_message, reading

InputDtype = Literal["uint8", "float32"]

FORMAT = 2
"""Raised whenever freezing makes another graph of the same weights: converted models in caches are known by it."""

INPUT = "input_images"
SCORE = "feature_fusion/Conv_7/Sigmoid"
GEOMETRY = "feature_fusion/concat_3"

_HASH = "_weights_sha256"  # attributes with an underscore are nobody's business but their writer's


@dataclass(frozen=True, eq=False)
class FrozenModel:
    """A GraphDef from images to maps, with nothing of training in it.

    Attributes:
        graph_def: an `east.model.graphdef.GraphDef`.
        input_name: a placeholder of ``input_dtype``, RGB 0..255 (N, H, W, 3).
        score_name, geometry_name: float32 (N, H/4, W/4, 1) and (N, H/4, W/4, 5), as in `east.types.Maps`.
        weights_sha256: see `east.model.freezing.freeze.freeze`.
    """

    input_name, score_name, geometry_name = INPUT, SCORE, GEOMETRY

    graph_def: Any
    input_dtype: InputDtype
    weights_sha256: str

    @property
    def sides(self) -> tuple[int | None, int | None]:
        """Height and width of the images it takes, None for a side that may be any."""
        [node] = (node for node in self.graph_def.node if node.name == self.input_name)
        shape = shape_of(node.attr["shape"].shape)
        return (shape[1], shape[2]) if shape is not None and len(shape) == 4 else (None, None)

    @property
    def operations(self) -> dict[str, int]:
        """How many nodes there are of each kind of operation."""
        return dict(sorted(Counter(node.op for node in self.graph_def.node).items()))

    def save(self, path: str | Path) -> None:
        """Writes a ``.pb``, whole or not at all."""
        graph_def = GraphDef()
        graph_def.CopyFrom(self.graph_def)
        for node in graph_def.node:
            if node.name == self.input_name:
                node.attr[_HASH].s = self.weights_sha256.encode()
        with written_whole(Path(path)) as file:
            file.write(graph_def.SerializeToString(deterministic=True))

    @classmethod
    def load(cls, path: str | Path) -> FrozenModel:
        """Reads what `save` wrote; raises `WeightsError` for a damaged file, `GraphError` for another graph."""
        path = Path(path)
        graph_def = read_graph_def(path)
        nodes = {node.name: node for node in graph_def.node}
        missing = [name for name in (INPUT, SCORE, GEOMETRY) if name not in nodes]
        if missing:
            raise GraphError(f"{path} has no node {missing[0]!r}: freeze it first")
        dtype = dtype_name(nodes[INPUT].attr["dtype"].type)
        if dtype not in ("uint8", "float32"):
            raise GraphError(f"the input of {path} takes {dtype}, not uint8 or float32: freeze it first")
        with reading(path):
            sha256 = nodes[INPUT].attr[_HASH].s.decode() if _HASH in nodes[INPUT].attr else sha256_file(path)
        return cls(graph_def, "uint8" if dtype == "uint8" else "float32", sha256)


def read_graph_def(path: str | Path) -> Any:
    """Reads a binary GraphDef; raises `WeightsError` for a file that cannot be read, is damaged or empty."""
    graph_def = read_message(Path(path), GraphDef(), "a TensorFlow graph")
    if not graph_def.node:
        raise WeightsError(f"{path} has no graph in it")
    return graph_def


def tensorflow_graph(graph_def: Any) -> Any:
    """TensorFlow's own message of a graph; imports TensorFlow."""
    from ..frameworks import tensorflow

    return tensorflow().compat.v1.GraphDef.FromString(graph_def.SerializeToString())


def hash_constants(graph_def: Any) -> str:
    """SHA-256 over the names and values of a graph's constants, in order."""
    sha = hashlib.sha256()
    for node in graph_def.node:
        if node.op == "Const":
            sha.update(f"{node.name}\0".encode() + node.attr["value"].tensor.SerializeToString(deterministic=True))
    return sha.hexdigest()
