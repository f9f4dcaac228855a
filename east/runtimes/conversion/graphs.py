"""Frozen graphs as TensorFlow functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...errors import RuntimeUnavailableError
from ...frameworks import tensorflow
from ...model.frozen import FrozenModel
from ...model.source import ModelSource
from ...options import DetectorOptions
from ..base import conversion_key
from ..gpu.device import set_up_gpu
from .artifacts import Artifact, ArtifactCache
from .report import Report

GRAPH = "frozen.pb"


def frozen_artifact(
    runtime: str,
    version: int,
    source: ModelSource,
    options: DetectorOptions,
    rewrite: Callable[[FrozenModel], FrozenModel],
    engines: int,
) -> Artifact:
    """A frozen graph in the cache, as ``rewrite`` leaves it.

    engines: 1 when a compiler takes it whole, else 0.
    """
    set_threads(options.threads)  # freezing starts TensorFlow, and then it is too late
    set_up_gpu(options.gpu_memory_fraction)

    def build(folder: Path) -> None:
        frozen = source.freeze("uint8")
        rewritten = rewrite(frozen)
        rewritten.save(folder / GRAPH)
        Report(frozen.operations, rewritten.operations, engines, float(engines)).save(folder)

    key = conversion_key(runtime, version, source, options, tensorflow=tensorflow().__version__)
    return ArtifactCache().get_or_build(key, build)


def network(frozen: FrozenModel, tensors: Sequence[str] | None = None) -> Callable[[Any], Sequence[Any]]:
    """A function from the tensor of images to those of score and geometry, to be called inside a ``tf.function``.

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


def set_threads(threads: int | None) -> None:
    """Sets TensorFlow's CPU threads. Raises `RuntimeUnavailableError` when it has already started with others."""
    tf = tensorflow()
    if threads is None or tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise RuntimeUnavailableError(
            f"TensorFlow has already started in this process and cannot change to {threads} threads"
        ) from error
