"""OpenVINO, the fastest runtime on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model.source import ModelSource
from ..types import Maps, Precision
from .artifacts import ArtifactCache
from .base import Availability, LoadOptions, Runtime

PRECISIONS = (Precision.FP32,)


def availability() -> Availability:
    """OpenVINO is a dependency of this package, so it is always here."""
    return Availability(PRECISIONS)


def load(source: ModelSource, options: LoadOptions) -> OpenVinoRuntime:
    """Converts the weights, or finds them converted, and loads them."""
    return OpenVinoRuntime(source, options)


class OpenVinoRuntime(Runtime):
    """The network on the CPU. Compiled once for all image sizes; each running call has an inference request."""

    name = "openvino"
    arithmetic = "f32"

    def __init__(self, source: ModelSource, options: LoadOptions) -> None:
        import openvino as ov

        core = ov.Core()
        self.precision = options.precision
        self.device = str(core.get_property("CPU", "FULL_DEVICE_NAME"))
        key = {
            "runtime": self.name,
            "precision": str(options.precision),
            "weights": source.sha256,
            "nodes": asdict(source.nodes),
            "openvino": ov.__version__,
        }
        artifact = ArtifactCache().get_or_build(key, lambda folder: _convert(source, folder))
        # Left to itself OpenVINO computes an f32 model in bf16 where the processor can.
        config: dict[str, Any] = {"INFERENCE_PRECISION_HINT": self.arithmetic, "PERFORMANCE_HINT": "LATENCY"}
        if options.threads is not None:
            config["INFERENCE_NUM_THREADS"] = options.threads
        self._compiled = core.compile_model(core.read_model(artifact.folder / "model.xml"), "CPU", config)
        self._idle: SimpleQueue[Any] = SimpleQueue()
        self.model_bytes = artifact.bytes

    def infer(self, images: NDArray[np.uint8]) -> Maps:
        with self._request() as request:
            request.infer([images], share_inputs=True)
            score, geometry = (request.get_output_tensor(i).data for i in range(2))
            return Maps(score[..., 0].copy(), geometry.copy())

    def close(self) -> None:
        del self._compiled, self._idle

    @contextmanager
    def _request(self) -> Iterator[Any]:
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._compiled.create_infer_request()
        try:
            yield request
        finally:
            self._idle.put(request)


def _convert(source: ModelSource, folder: Path) -> None:
    import openvino as ov

    frozen = source.freeze("uint8")
    graph = folder / "frozen.pb"
    frozen.save(graph)
    model = ov.convert_model(graph)
    outputs = [model.output(f"{name}:0") for name in (frozen.score_name, frozen.geometry_name)]
    ov.save_model(ov.Model(outputs, model.get_parameters(), "east"), folder / "model.xml", compress_to_fp16=False)
    graph.unlink()
