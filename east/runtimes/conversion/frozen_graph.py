"""The frozen graph as a converted model, for runtimes that take it as it is or rewritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...frameworks import tensorflow
from ...model.frozen import FrozenModel
from ...model.source import ModelSource
from ...options import DetectorOptions
from .artifacts import Artifact, ArtifactCache, conversion_key
from .report import ConversionReport

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

    Args:
        runtime: name of the runtime.
        version: the ``FORMAT`` of its module.
        source: the weights.
        options: see `conversion_key`.
        rewrite: from the graph of the weights to that of the runtime.
        engines: 1 when a compiler takes the graph whole, else 0.
    """

    def build(folder: Path, frozen: FrozenModel) -> None:
        rewritten = rewrite(frozen)
        rewritten.save(folder / GRAPH)
        ConversionReport(frozen.operations, rewritten.operations, engines, float(engines)).save(folder)

    key = conversion_key(runtime, version, source, options, tensorflow=tensorflow().__version__)
    return ArtifactCache().get_or_build(key, source.freeze, build)
