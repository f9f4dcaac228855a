"""8-bit quantization of an OpenVINO model by NNCF, on real images."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ConversionError
from ...frameworks import openvino
from ...postprocess import extract_boxes, select_candidates
from ...postprocess.polygon import iou
from ...types import Thresholds
from .calibration import CalibrationSet

Quads = NDArray[np.float32]


def quantize(model: Any, images: CalibrationSet, max_drop: float | None) -> Any:
    """Quantizes ``model``, an ``ov.Model`` with the outputs score and geometry.

    The heads stay in floating point: eight bits cannot hold distances up to 512 pixels, let alone share a scale
    with the angle they are joined with.

    max_drop: puts layers back to floating point, those that matter most first, until the boxes found on
        ``images`` agree with the float model's to an F1 of ``1 - max_drop``. None takes what comes out.
    Raises `CalibrationError` for an image that does not decode, `ConversionError` when nothing was quantized.
    """
    openvino()
    import nncf

    nncf.set_log_level(40)
    data = nncf.Dataset(list(images.images()))
    options = {"subset_size": len(images), "ignored_scope": nncf.IgnoredScope(names=_heads(model))}
    with _progress_on_stderr():
        if max_drop is None:
            quantized = nncf.quantize(model, data, **options)
        else:
            quantized = nncf.quantize_with_accuracy_control(
                model, data, data, _agreement_with(model), max_drop=max_drop, **options
            )
    if all(op.get_type_name() != "FakeQuantize" for op in quantized.get_ops()):
        raise ConversionError("NNCF quantized no layer of this model to 8 bits")
    return quantized


def _heads(model: Any) -> list[str]:
    """Names of the operations from the last convolutions on, these included."""
    names: set[str] = set()
    waiting = [result.input_value(0).get_node() for result in model.get_results()]
    while waiting:
        node = waiting.pop()
        if node.get_friendly_name() in names or node.get_type_name() == "Constant":
            continue
        names.add(node.get_friendly_name())
        if node.get_type_name() != "Convolution":
            waiting += [node.input_value(i).get_node() for i in range(node.get_input_size())]
    return sorted(names)


def _agreement_with(model: Any) -> Callable[[Any, Iterable[Any]], tuple[float, list[float]]]:
    """A measure of other versions of ``model``: F1 against its boxes, per image and on average."""
    reference = openvino().Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def agreement(version: Any, images: Iterable[NDArray[np.uint8]]) -> tuple[float, list[float]]:
        each = [_f1(_boxes(version, image), _boxes(reference, image)) for image in images]
        return float(np.mean(each)), each

    return agreement


def _boxes(compiled: Any, image: NDArray[np.uint8]) -> Quads:
    outputs = compiled(image)
    candidates = select_candidates(outputs[0][0, ..., 0], outputs[1][0], Thresholds().score)
    return extract_boxes(candidates, Thresholds())[0]


def _f1(found: Quads, wanted: Quads) -> float:
    if not len(found) and not len(wanted):
        return 1.0
    left = list(found.astype(np.float64))
    matches = 0
    for quad in wanted.astype(np.float64):
        hit = next((i for i, other in enumerate(left) if iou(quad, other) > 0.5), None)
        if hit is not None:
            del left[hit]
            matches += 1
    return 2 * matches / (len(found) + len(wanted))


@contextlib.contextmanager
def _progress_on_stderr() -> Iterator[None]:
    """Moves NNCF's progress bars from standard output to a terminal on stderr, or away if there is none."""
    with contextlib.ExitStack() as stack:
        target = sys.stderr if sys.stderr.isatty() else stack.enter_context(open(os.devnull, "w"))  # noqa: PTH123
        stack.enter_context(contextlib.redirect_stdout(target))
        yield
