"""The frozen graph: kept in the cache for runtimes that take it, as it is or rewritten, and run by TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...frameworks import tensorflow
from ...model.frozen import FrozenModel, tensorflow_graph
from ...model.graphdef import GraphDef
from ...model.source import ModelSource
from ...options import DetectorOptions
from ..tensorflow_setup import configure_tensorflow
from .artifacts import Artifact, ArtifactCache, ConversionReport, conversion_key

GRAPH = "frozen.pb"


def frozen_artifact(
    runtime: str,
    version: int,
    source: ModelSource,
    options: DetectorOptions,
    rewrite: Callable[[FrozenModel], FrozenModel],
    engines: int,
) -> Artifact:
    """A frozen graph in the cache, as ``rewrite`` leaves it; ``engines`` is 1 if a compiler takes it whole, else 0."""
    configure_tensorflow(options)  # freezing starts TensorFlow, and then it is too late

    def build(folder: Path, frozen: FrozenModel) -> None:
        rewritten = rewrite(frozen)
        rewritten.save(folder / GRAPH)
        ConversionReport(frozen.operations, rewritten.operations, engines, float(engines)).save(folder)

    key = conversion_key(runtime, version, source, options, tensorflow=tensorflow().__version__)
    return ArtifactCache().get_or_build(key, source.freeze, build)


def graph_function(frozen: FrozenModel, tensors: Sequence[str] | None = None) -> Callable[[Any], Sequence[Any]]:
    """A function, to be called inside a ``tf.function``, from the tensor of images to those of the named nodes.

    Without ``tensors``, the names, it gives score and geometry.
    """
    tf = tensorflow()
    wanted = [f"{name}:0" for name in tensors or (frozen.score_name, frozen.geometry_name)]
    body = GraphDef(versions=frozen.graph_def.versions)
    body.node.extend(node for node in frozen.graph_def.node if node.name != frozen.input_name)
    theirs = tensorflow_graph(body)

    def run(images: Any) -> Sequence[Any]:
        fed = {f"{frozen.input_name}:0": images}
        return tf.graph_util.import_graph_def(theirs, fed, wanted, name="")  # type: ignore[no-any-return]

    return run
