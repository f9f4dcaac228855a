"""Sessions of ONNX Runtime: memory on the device for each shape of images, and who runs which part of the graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...errors import ConversionError
from ...frameworks import onnxruntime
from ...types import STRIDE, Maps
from .artifacts import ConversionReport

RECORD: Final = ("session.record_ep_graph_assignment_info", "1")
"""The session option without which `assignment` learns nothing."""

Fetch: TypeAlias = Callable[[str], NDArray[np.float32]]

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


class DeviceSession:
    """A session whose inputs and outputs have their place on the device before it runs. Thread-safe.

    The places are used again for inputs of the same shapes; those that were used least recently are freed.
    """

    def __init__(
        self,
        session: Any,
        outputs: Callable[[tuple[int, ...]], Mapping[str, Sequence[int]]],
        device: Device,
        graph_option: str = "",
    ) -> None:
        """Keeps the session.

        Args:
            session: of ONNX Runtime.
            outputs: gives the shapes of the outputs, float32, by name, for images of a shape.
            device: where they lie.
            graph_option: the run option that tells apart the CUDA graphs of a session, empty without them.
        """
        self._session, self._outputs, self._device, self._graph_option = session, outputs, device, graph_option
        self._idle: list[_Places] = []
        self._made = 0
        self._lock = Lock()

    @contextmanager
    def run(self, images: tuple[str, NDArray[np.uint8]], **others: NDArray[Any]) -> Iterator[Fetch]:
        """Runs on images ``(N, H, W, 3)``, given with their input's name, and other inputs.

        Inside the block, outputs can be fetched from the device by name.
        """
        places = self._take({images[0]: images[1], **others}, images[1].shape)
        try:
            self._session.run_with_iobinding(places.binding, places.options)
            yield lambda name: self._fetched(places.outputs[name])
        finally:
            with self._lock:
                self._idle.append(places)
                del self._idle[:-_MOST_IDLE]

    def close(self) -> None:
        """Frees the places and the session."""
        with self._lock:
            self._idle.clear()
            self._session = None

    def _fetched(self, value: Any) -> NDArray[np.float32]:
        array: NDArray[np.float32] = value.numpy()
        return array.copy() if self._device.kind == "cpu" else array

    def _take(self, inputs: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> _Places:
        with self._lock:
            fitting = [index for index, places in enumerate(self._idle) if places.shape == shape]
            if fitting:
                places = self._idle.pop(fitting[-1])
            else:
                self._made += 1
                options = {self._graph_option: str(self._made)} if self._graph_option else {}
                places = _Places(self._session, inputs, self._outputs(shape), self._device, shape, options)
        for name, array in inputs.items():
            places.inputs[name].update_inplace(array)
        return places


class _Places:
    """What one run needs on the device; its addresses stay the same, which CUDA graphs rely on."""

    def __init__(
        self,
        session: Any,
        inputs: Mapping[str, NDArray[Any]],
        outputs: Mapping[str, Sequence[int]],
        device: Device,
        shape: tuple[int, ...],
        run_options: Mapping[str, str],
    ) -> None:
        ort = onnxruntime()

        def place(sides: Sequence[int], dtype: Any) -> Any:
            return ort.OrtValue.ortvalue_from_shape_and_type(list(sides), dtype, *device)

        self.shape = shape
        self.inputs = {name: place(array.shape, array.dtype) for name, array in inputs.items()}
        self.outputs = {name: place(sides, np.float32) for name, sides in outputs.items()}
        self.binding = session.io_binding()
        for name, value in self.inputs.items():
            self.binding.bind_ortvalue_input(name, value)
        for name, value in self.outputs.items():
            self.binding.bind_ortvalue_output(name, value)
        self.options = ort.RunOptions()
        for name, text in run_options.items():
            self.options.add_run_config_entry(name, text)


class BoundSession:
    """A session of a model of maps, on the device. Thread-safe."""

    def __init__(self, session: Any, names: Names, device: Device, graph_option: str = "") -> None:
        """For the arguments see `DeviceSession`."""

        def outputs(shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
            maps = (shape[0], shape[1] // STRIDE, shape[2] // STRIDE)
            return {names.score: (*maps, 1), names.geometry: (*maps, 5)}

        self._names = names
        self._session = DeviceSession(session, outputs, device, graph_option)

    def run(self, images: NDArray[np.uint8]) -> Maps:
        """The maps of images ``(N, H, W, 3)``."""
        with self._session.run((self._names.images, images)) as fetch:
            return Maps(fetch(self._names.score)[..., 0], fetch(self._names.geometry))

    def close(self) -> None:
        """Frees the places and the session."""
        self._session.close()


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
