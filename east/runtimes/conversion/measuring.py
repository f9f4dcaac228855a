"""Measuring the ranges of a network on images, in OpenVINO."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...console import progress
from ...errors import ConversionError
from ...frameworks import openvino
from ...model.frozen import FrozenModel
from ...model.graphdef import array_of
from ...model.ranges import Ranges, Rule
from ..rewrites.explicit_ranges import LEVELS, Quantizable, quantizable, rounded
from ..rewrites.late_upsampling import upsample_late
from .calibration import CalibrationSet
from .openvino_graph import convolutions, openvino_model

RULE = Rule("mean of the images' extremes", 1)
"""A range goes from the lowest to the highest value of an image, each averaged over the images.

Weights have a symmetric range for each output channel, up to their largest magnitude. Where what they are multiplied
with is mostly large, as an image's colours are, and not mostly zero, as what a ReLU gives, that range leaves them 63
levels of 127: processors without 8-bit dot products add two products in 16 bits, which would overflow otherwise.
"""

Array = NDArray[np.float32]

_FEW_LEVELS = 63  # to either side of zero: seven bits


def measure(frozen: FrozenModel, images: CalibrationSet, weights_sha256: str) -> Ranges:
    """Measures the ranges of a frozen graph on ``images``, one by one, under a progress bar.

    Biases are corrected by what rounding the weights does to the mean of each channel: the weights' error times the
    mean of what they are multiplied with. (Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
    Correction, ICCV 2019, section 4.2.)

    Raises:
        CalibrationError: an image that does not decode.
        ConversionError: nothing in the graph can be quantized.
    """
    graph = upsample_late(frozen)
    found = quantizable(graph)
    images = images.fitted(frozen.sides)
    lows, highs, means = _statistics(graph, found, images)
    activations: dict[str, tuple[float, float]] = {}
    for name, origin in found.activations.items():
        if name in lows:
            low, high = activations.get(origin, (0.0, 0.0))
            activations[origin] = min(low, float(lows[name])), max(high, float(highs[name]))
    nodes = {node.name: node for node in graph.graph_def.node}
    values = {name: array_of(nodes[name].attr["value"].tensor) for name in found.weights.values()}
    peaks = {name: np.abs(value).max(axis=(0, 1, 2)) for name, value in values.items()}
    for name, constant in found.weights.items():
        taken = nodes[name].input[0]
        if lows[taken] < 0 or means[taken].mean() > highs[taken] / 4:
            peaks[constant] = np.float32(LEVELS / _FEW_LEVELS) * np.abs(values[constant]).max(axis=(0, 1, 2))
    biases: dict[str, Array] = {}
    for name, constant in found.weights.items():
        if (bias := found.biases.get(name)) is not None:
            error = (values[constant] - rounded(values[constant], peaks[constant])).sum(axis=(0, 1))
            before = biases.get(bias, array_of(nodes[bias].attr["value"].tensor))
            biases[bias] = before + means[nodes[name].input[0]] @ error
    return Ranges(activations, peaks, biases, weights_sha256, images.files, images.size, RULE)


def _statistics(
    graph: FrozenModel, found: Quantizable, images: CalibrationSet
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Of what the convolutions take: lowest and highest values, averaged over images, and the mean of each channel."""
    ov = openvino()
    ops = ov.opset13
    model = openvino_model(graph)
    nodes = {node.name: node for node in graph.graph_def.node}
    taken: dict[str, Any] = {}
    for name, convolution in convolutions(model, graph).items():
        if name in found.weights:
            taken.setdefault(nodes[name].input[0], convolution.input_value(0))
    if left := [name for name in found.weights if nodes[name].input[0] not in taken]:
        raise ConversionError(f"OpenVINO has changed the convolution {left[0]!r} so that it cannot be measured")
    wanted = (ops.reduce_min, ops.reduce_max, ops.reduce_mean)
    outputs = [reduced(output, [2, 3]).output(0) for output in taken.values() for reduced in wanted]
    config = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    request = ov.Core().compile_model(ov.Model(outputs, model.get_parameters()), "CPU", config).create_infer_request()
    totals = [[np.float64(0), np.float64(0), np.float64(0)] for _ in taken]
    for image in progress(images.images(), total=len(images), unit="image", description="calibrate"):
        request.infer([image])
        for i, total in enumerate(totals):
            low, high, mean = (request.get_output_tensor(3 * i + j).data[0] for j in range(3))
            total[0] += low.min()
            total[1] += high.max()
            total[2] = total[2] + mean
    lows, highs, means = (
        {name: np.float32(total[j] / len(images)) for name, total in zip(taken, totals, strict=True)} for j in range(3)
    )
    return lows, highs, means
