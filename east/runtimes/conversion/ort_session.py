"""Sessions of ONNX Runtime: memory on the device for each shape of images, and who runs which part of the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import ConversionError
from ...frameworks import onnxruntime
from ...types import STRIDE, Maps
from .artifacts import ConversionReport

RECORD: Final = ("session.record_ep_graph_assignment_info", "1")
"""The session option without which `assignment` learns nothing."""

_MOST_IDLE = 8  # sets of arrays on the device, of whatever shapes


class Device(NamedTuple):
    """Where a session's tensors lie: ONNX Runtime's name, the number of the device, its maker by PCI's number."""

    kind: str = "cpu"
    number: int = 0
    vendor: int = -1


class Names(NamedTuple):
    """Of the tensors that go in and come out."""

    images: str
    score: str
    geometry: str


class _Arrays(NamedTuple):
    """What one run needs on the device; its addresses stay the same, which CUDA graphs rely on."""

    shape: tuple[int, ...]
    images: Any
    score: Any
    geometry: Any
    binding: Any
    options: Any


class BoundSession:
    """A session whose images and maps have their place on the device before it runs. Thread-safe.

    Arrays are used again for images of the same shape; the ones that were used least recently are freed.
    """

    def __init__(self, session: Any, names: Names, device: Device, graph_option: str = "") -> None:
        """``graph_option`` is the run option that tells apart the CUDA graphs of a session, empty without them."""
        self._session, self._names, self._device, self._graph_option = session, names, device, graph_option
        self._idle: list[_Arrays] = []
        self._graphs = 0
        self._lock = Lock()

    def run(self, images: NDArray[np.uint8]) -> Maps:
        """The maps of images ``(N, H, W, 3)``."""
        arrays = self._take(images.shape)
        try:
            arrays.images.update_inplace(images)
            self._session.run_with_iobinding(arrays.binding, arrays.options)
            score, geometry = (value.numpy() for value in (arrays.score, arrays.geometry))
            if self._device.kind == "cpu":  # where they are not copied
                score, geometry = score.copy(), geometry.copy()
            return Maps(score[..., 0], geometry)
        finally:
            self._give_back(arrays)

    def close(self) -> None:
        """Frees the arrays and the session."""
        with self._lock:
            self._idle.clear()
            self._session = None

    def _take(self, shape: tuple[int, ...]) -> _Arrays:
        with self._lock:
            fitting = [arrays for arrays in self._idle if arrays.shape == shape]
            if fitting:
                self._idle.remove(fitting[-1])
                return fitting[-1]
            self._graphs += 1
            return self._allocated(shape, self._graphs)

    def _give_back(self, arrays: _Arrays) -> None:
        with self._lock:
            self._idle.append(arrays)
            if len(self._idle) > _MOST_IDLE:
                del self._idle[0]

    def _allocated(self, shape: tuple[int, ...], graph: int) -> _Arrays:
        ort = onnxruntime()

        def place(sides: Sequence[int], dtype: Any) -> Any:
            return ort.OrtValue.ortvalue_from_shape_and_type(list(sides), dtype, *self._device)

        batch, height, width, _ = shape
        maps = (batch, height // STRIDE, width // STRIDE)
        images, score, geometry = place(shape, np.uint8), place((*maps, 1), np.float32), place((*maps, 5), np.float32)
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._names.images, images)
        binding.bind_ortvalue_output(self._names.score, score)
        binding.bind_ortvalue_output(self._names.geometry, geometry)
        options = ort.RunOptions()
        if self._graph_option:
            options.add_run_config_entry(self._graph_option, str(graph))
        return _Arrays(shape, images, score, geometry, binding, options)


def assignment(session: Any, provider: str, before: dict[str, int]) -> ConversionReport:
    """What ``provider`` runs in a session that was made with `RECORD`.

    Args:
        session: of a model.
        provider: ONNX Runtime's name of it.
        before: operations by kind before conversion.

    Raises:
        ConversionError: it runs nothing, or convolutions are left to another.
    """
    parts = session.get_provider_graph_assignment_info()
    own = [part for part in parts if part.ep_name == provider]
    others = [(part.ep_name, node.op_type) for part in parts if part.ep_name != provider for node in part.get_nodes()]
    taken = sum(len(part.get_nodes()) for part in own)
    share = taken / max(1, taken + len(others))
    left = Counter(name for name, op in others if op == "Conv")
    if not own or left:
        convolutions = sum(left.values())
        to = f" to {', '.join(sorted(left))}" if left else ""
        raise ConversionError(
            f"{provider} left {convolutions} of {before.get('Conv2D', convolutions)} convolutions{to} "
            f"({len(own)} engines, {share:.0%} of the operations)"
        )
    after = Counter(op for _, op in others) + Counter({provider: len(own)})
    return ConversionReport(before, dict(sorted(after.items())), len(own), share)
