"""A frozen graph as OpenVINO reads it, by its own front end for TensorFlow's graphs, which needs no TensorFlow."""

from __future__ import annotations

import re
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

from ...errors import ConversionError, GraphError
from ...frameworks import openvino
from ...model.frozen import FrozenModel


def read_graph(frozen: FrozenModel) -> Any:
    """The graph as an ``openvino.Model`` from images to score and geometry.

    Raises:
        ConversionError: an operation that OpenVINO does not know.
        GraphError: maps of other channels than EAST's, or made for a number of images.
    """
    ov = openvino()
    kinds = ("General", "Initialization", "NotImplemented", "OpConversion", "OpValidation")
    failures = (RuntimeError, *(getattr(ov.frontend, f"{kind}Failure") for kind in kinds))
    try:
        with tempfile.TemporaryDirectory(prefix="east-") as folder:
            path = Path(folder, "frozen.pb")
            frozen.save(path)
            with _nothing_printed():
                model = ov.convert_model(path)
    except failures as error:
        raise ConversionError(f"OpenVINO cannot run the graph: {_reason(str(error))}") from error
    outputs = [model.output(f"{name}:0") for name in (frozen.score_name, frozen.geometry_name)]
    for output, name, channels in zip(outputs, (frozen.score_name, frozen.geometry_name), (1, 5), strict=True):
        shape = output.partial_shape
        if shape.rank.is_static and (len(shape) != 4 or (shape[3].is_static and shape[3].get_length() != channels)):
            raise GraphError(f"{name} should have {channels} channels, and its shape is {shape}")
        if shape.rank.is_static and shape[0].is_static:
            raise GraphError(f"{name} is made for {shape[0]} images at once: export the graph for any number of them")
    return ov.Model(outputs, model.get_parameters(), "east")


def _nothing_printed() -> AbstractContextManager[object]:
    """A ``--verbose`` of any command line makes OpenVINO print what it does. Without, other threads print as ever."""
    return redirect_stdout(sys.stderr) if "--verbose" in sys.argv else nullcontext()


def _reason(text: str) -> str:
    """The line of OpenVINO's message that says something."""
    told = re.search(r"No conversion rule found for operations: .*", text)
    lines = [line for line in text.splitlines() if line.strip()]
    return told[0] if told else lines[-1] if lines else "it does not say why"
