"""Sessions of ONNX Runtime: memory on the device for each shape of images, and who runs which part of the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import ConversionError
from ...frameworks import onnxruntime
from ...types import STRIDE
from ..conversion.artifacts import ConversionReport
from .selection import capacity

THRESHOLD: Final = "score_threshold"
PACKED: Final = "packed"
"""What `east.runtimes.gpu.onnx_selection` adds to a model: an input and an output."""

RECORD: Final = ("session.record_ep_graph_assignment_info", "1")
"""The session option without which `assignment` learns nothing."""

_MOST_IDLE = 8  # sets of arrays on the device, of whatever shapes


class Device(NamedTuple):
    """Where a session's tensors lie: ONNX Runtime's name, the number of the device, its maker by PCI's number."""

    kind: str = "cpu"
    number: int = 0
    vendor: int = -1


class Found(NamedTuple):
    """What a batch of images gave.

    packed: float32 ``(N, length)``, see `east.runtimes.gpu.selection`.
    geometry: float32 ``(N, H/4, W/4, 5)``, if it was asked for.
    """

    packed: NDArray[np.float32]
    geometry: NDArray[np.float32] | None


class BoundSession:
    """A session whose images and results have their place on the device before it runs. Thread-safe.

    The places are used again for images of the same shape; those that were used least recently are freed.
    """

    def __init__(self, session: Any, device: Device, graph_option: str = "") -> None:
        """``session`` is of a model with selection.

        ``graph_option`` is the run option that tells apart the CUDA graphs of a session, empty without them.
        """
        self._session, self._device, self._graph_option = session, device, graph_option
        self._idle: list[_Places] = []
        self._made = 0
        self._lock = Lock()

    def run(
        self, images: NDArray[np.uint8], threshold: float, with_geometry: Callable[[NDArray[np.float32]], bool]
    ) -> Found:
        """Runs the network on images ``(N, H, W, 3)``; ``with_geometry`` tells from what is packed if it is wanted."""
        places = self._take(images.shape)
        try:
            places.images.update_inplace(images)
            places.set_threshold(threshold)
            self._session.run_with_iobinding(places.binding, places.options)
            packed = self._copied(places.packed)
            return Found(packed, self._copied(places.geometry) if with_geometry(packed) else None)
        finally:
            self._give_back(places)

    def close(self) -> None:
        """Frees the places and the session."""
        with self._lock:
            self._idle.clear()
            self._session = None

    def _copied(self, value: Any) -> NDArray[np.float32]:
        array: NDArray[np.float32] = value.numpy()
        return array.copy() if self._device.kind == "cpu" else array

    def _take(self, shape: tuple[int, ...]) -> _Places:
        with self._lock:
            fitting = [index for index, places in enumerate(self._idle) if places.shape == shape]
            if fitting:
                return self._idle.pop(fitting[-1])
            self._made += 1
            return _Places(self._session, self._device, shape, {self._graph_option: str(self._made)})

    def _give_back(self, places: _Places) -> None:
        with self._lock:
            self._idle.append(places)
            del self._idle[:-_MOST_IDLE]


class _Places:
    """What one run needs on the device; its addresses stay the same, which CUDA graphs rely on."""

    def __init__(self, session: Any, device: Device, shape: tuple[int, ...], run_options: Mapping[str, str]) -> None:
        ort = onnxruntime()

        def place(sides: Sequence[int], dtype: Any) -> Any:
            return ort.OrtValue.ortvalue_from_shape_and_type(list(sides), dtype, *device)

        self.shape = batch, height, width, _ = shape
        rows, columns = height // STRIDE, width // STRIDE
        self.images, self._threshold = place(shape, np.uint8), place((1,), np.float32)
        self.geometry = place((batch, rows, columns, 5), np.float32)
        self.packed = place((batch, rows * columns + 6 * capacity(rows * columns) + 1), np.float32)
        self._last: float | None = None
        [images] = (value.name for value in session.get_inputs() if value.name != THRESHOLD)
        _, geometry, _ = (value.name for value in session.get_outputs())
        self.binding = session.io_binding()
        self.binding.bind_ortvalue_input(images, self.images)
        self.binding.bind_ortvalue_input(THRESHOLD, self._threshold)
        self.binding.bind_ortvalue_output(geometry, self.geometry)
        self.binding.bind_ortvalue_output(PACKED, self.packed)
        self.options = ort.RunOptions()
        for name, value in run_options.items():
            if name:
                self.options.add_run_config_entry(name, value)

    def set_threshold(self, threshold: float) -> None:
        """Puts it on the device, unless it is there."""
        if threshold != self._last:
            self._threshold.update_inplace(np.array([threshold], np.float32))
            self._last = threshold


def assignment(session: Any, provider: str, before: Mapping[str, int]) -> ConversionReport:
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
        to = f" to {', '.join(sorted(left))}" if left else ""
        raise ConversionError(
            f"{provider} left {left.total()} of {before.get('Conv2D', left.total())} convolutions{to} "
            f"({len(own)} engines, {share:.0%} of the operations)"
        )
    after = Counter(op for _, op in others) + Counter({provider: len(own)})
    return ConversionReport(before, dict(sorted(after.items())), len(own), share)
