"""TF-TRT: TensorRT engines inside a TensorFlow graph, on an NVIDIA GPU."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..console import progress
from ..errors import ConversionError
from ..frameworks import tensorflow
from ..model.frozen import FrozenModel
from ..model.ranges import Ranges
from ..model.reading import load_saved_model
from ..model.source import ModelSource
from ..options import EVALUATION_SIZE, DetectorOptions
from ..types import Precision
from .base import Availability, size_of_all
from .conversion.artifacts import Artifact, ArtifactCache, ConversionReport, conversion_key
from .conversion.calibration import CalibrationSet, find_images
from .conversion.frozen_graph import graph_function
from .conversion.known_ranges import find_ranges
from .gpu.requirements import missing_for_tensorrt
from .gpu.runtime import GpuRuntime
from .gpu.shapes import Shape
from .rewrites.explicit_ranges import quantized
from .rewrites.late_upsampling import upsample_late
from .tensorflow_setup import configure_tensorflow

FORMAT = 2  # of what `convert` makes, see `conversion_key`
DEVICES = ("gpu",)
CONVERTED = "saved_model"
SHAPES = "shapes.json"
SIGNATURE = "serving_default"
INPUT, SCORE, GEOMETRY = "images", "score", "geometry"

_NOT_OPERATIONS = {"Const", "Placeholder", "Identity", "NoOp", "_Arg", "_Retval"}
_log = logging.getLogger(__name__)


def availability(device: str = "auto") -> Availability:
    """Only where there is a GPU, TensorFlow 2.17 or older, and the TensorRT it was made for."""
    missing = missing_for_tensorrt(device)
    return Availability((), missing) if missing is not None else Availability(tuple(Precision))


def convert(source: ModelSource, options: DetectorOptions) -> Artifact:
    """The SavedModel with TensorRT's engines, from the cache if it has been made before on a GPU like this."""
    from tensorflow.compiler.tf2tensorrt import _pywrap_py_utils as tensorrt

    device = configure_tensorflow(options)
    images = ranges = None
    if options.precision is Precision.INT8:
        if options.tftrt.use_calibration:
            images = find_images(options.calibration)
        else:
            ranges = find_ranges(source, options.calibration)
    key = conversion_key(
        "tftrt",
        FORMAT,
        source,
        options,
        ranges,
        calibration=images and images.sha256,
        tensorflow=tensorflow().__version__,
        tensorrt=tensorrt.get_loaded_tensorrt_version(),
        tf32=options.tf32,
        shapes=shapes_to_build(options),
        tftrt=asdict(options.tftrt),
        gpu=device.name,
        capability=device.capability,
    )

    with device.scope():
        return ArtifactCache().get_or_build(
            key, source.freeze, partial(build, options=options, images=images, ranges=ranges)
        )


def load(source: ModelSource, options: DetectorOptions) -> TfTrtRuntime:
    """Converts the weights, or finds them converted, and loads them."""
    return TfTrtRuntime(convert(source, options), options)


class TfTrtRuntime(GpuRuntime):
    """The converted SavedModel; candidates are selected by XLA after it."""

    name = "tftrt"

    def __init__(self, artifact: Artifact, options: DetectorOptions) -> None:
        self._built = [tuple(shape) for shape in json.loads((artifact.folder / SHAPES).read_text())]
        with configure_tensorflow(options).scope():
            self._model = load_saved_model(artifact.folder / CONVERTED)
        signature = self._model.signatures[SIGNATURE]
        _, height, width, _ = signature.inputs[0].shape
        self.size = size_of_all((height, width), options.fixed_size)

        def network(images: Any) -> Sequence[Any]:
            maps = signature(**{INPUT: images})
            return maps[SCORE], maps[GEOMETRY]

        self._options = replace(options, input_size=self.size)
        exact = self.size or EVALUATION_SIZE
        super().__init__(artifact, options, network, whole=False, exact=exact, batches=options.tftrt.batches)

    def close(self) -> None:
        super().close()
        del self._model

    def _compile(self, shape: Shape) -> Any:
        if not may_build_at_runtime(self._options) and not self._has_engine(shape):
            known = ", ".join("x".join(map(str, built[:3])) for built in self._built)
            raise ConversionError(  # TF-TRT would silently run TensorFlow's own operations
                f"no TensorRT engine for images of {'x'.join(map(str, shape[:3]))} (built for {known}): "
                "convert for this size, or allow building at run time"
            )
        return super()._compile(shape)

    def _has_engine(self, shape: Shape) -> bool:
        chosen = self._options.tftrt
        if chosen.use_dynamic_shape and "Range" in chosen.dynamic_shape_profile_strategy:
            return all(min(sides) <= side <= max(sides) for side, *sides in zip(shape, *self._built, strict=True))
        return shape in self._built


def build(
    folder: Path,
    frozen: FrozenModel,
    options: DetectorOptions,
    images: CalibrationSet | None = None,
    ranges: Ranges | None = None,
) -> None:
    """Writes the converted SavedModel and what is known of it.

    Args:
        folder: to write to.
        frozen: the network.
        options: of the detector.
        images: that TensorRT calibrates INT8 on.
        ranges: of INT8, where it does not.

    Raises:
        CalibrationError: an image that does not decode, or ranges of another network.
        ConversionError: TF-TRT failed.
    """
    from tensorflow.python.compiler.tensorrt import trt_convert

    tf = tensorflow()
    chosen = options.tftrt
    graph = upsample_late(frozen) if ranges is None else quantized(frozen, ranges, per_channel=False)
    size = size_of_all(frozen.sides, options.fixed_size)
    if images is not None:
        images = images.fitted(frozen.sides)
        _log.info("calibrating on %s", images)
        images.save(folder / "calibration.json")
    if ranges is not None:
        ranges.save(folder / "ranges.npz")
    original = folder / "original"
    save_with_signature(graph, original)
    converter = trt_convert.TrtGraphConverterV2(
        input_saved_model_dir=str(original),
        input_saved_model_signature_key=SIGNATURE,
        use_dynamic_shape=chosen.use_dynamic_shape,
        dynamic_shape_profile_strategy=chosen.dynamic_shape_profile_strategy,
        max_workspace_size_bytes=chosen.max_workspace_size_bytes or trt_convert.DEFAULT_TRT_MAX_WORKSPACE_SIZE_BYTES,
        precision_mode=str(options.precision),
        minimum_segment_size=chosen.minimum_segment_size,
        maximum_cached_engines=chosen.maximum_cached_engines,
        use_calibration=ranges is None,
        allow_build_at_runtime=may_build_at_runtime(options),
    )
    shapes = shapes_to_build(replace(options, input_size=size)) if chosen.build_at_conversion else []
    try:
        calibration = partial(_inputs, images) if images is not None else None
        converted = converter.convert(calibration_input_fn=calibration)
        summary: list[str] = []
        converter.summary(print_fn=lambda text="": summary.append(text))
        (folder / "summary.txt").write_text("\n".join(summary) + "\n", encoding="utf-8")
        report(frozen.operations, converted.graph.as_graph_def()).save(folder)
        if shapes:
            converter.build(lambda: ((tf.zeros(shape, tf.uint8),) for shape in shapes))
        converter.save(str(folder / CONVERTED), save_gpu_specific_engines=bool(shapes))
    except (tf.errors.OpError, RuntimeError, ValueError) as error:
        raise ConversionError(
            f"TF-TRT failed to convert to {options.precision}: {str(error).splitlines()[0]}"
        ) from error
    (folder / SHAPES).write_text(json.dumps(shapes), encoding="utf-8")
    shutil.rmtree(original)


def save_with_signature(frozen: FrozenModel, folder: Path) -> None:
    """Writes a SavedModel with the one signature ``serving_default``: ``images`` in, ``score`` and ``geometry`` out."""
    tf = tensorflow()
    run = graph_function(frozen)

    def serve(images: Any) -> dict[str, Any]:
        score, geometry = run(images)
        return {SCORE: score, GEOMETRY: geometry}

    images = tf.TensorSpec([None, *frozen.sides, 3], frozen.input_dtype, name=INPUT)
    tf.saved_model.save(tf.Module(), str(folder), signatures={SIGNATURE: tf.function(serve, input_signature=[images])})


def report(before: dict[str, int], converted: Any) -> ConversionReport:
    """What TF-TRT took of a graph with ``before`` operations by kind, by the GraphDef that it gave back.

    Raises `ConversionError` when it built no engine, or left a convolution in TensorFlow.
    """
    engines = [node.name for node in converted.node if node.op == "TRTEngineOp"]
    inside = {f"{engine}_native_segment" for engine in engines}
    segments = [function for function in converted.library.function if function.signature.name in inside]
    taken = sum(node.op not in _NOT_OPERATIONS for segment in segments for node in segment.node_def)
    left = [node.op for node in converted.node if node.op not in _NOT_OPERATIONS and node.op != "TRTEngineOp"]
    convolutions = sum("Conv2D" in op for op in left)
    share = taken / max(1, taken + len(left))
    if not engines or convolutions:
        raise ConversionError(
            f"TF-TRT left {convolutions} of {before.get('Conv2D', 0)} convolutions in TensorFlow "
            f"({len(engines)} engines, {share:.0%} of the operations converted); try a lower minimum_segment_size"
        )
    after = {op: left.count(op) for op in sorted(set(left))} | {"TRTEngineOp": len(engines)}
    return ConversionReport(before, after, len(engines), share)


def shapes_to_build(options: DetectorOptions) -> list[Shape]:
    """The shapes (N, H, W, 3) engines are built for."""
    return [(batch, *(options.fixed_size or EVALUATION_SIZE), 3) for batch in options.tftrt.batches]


def may_build_at_runtime(options: DetectorOptions) -> bool:
    """Whether engines may be built while running: as told, else if they must be, or image sizes vary."""
    if options.tftrt.allow_build_at_runtime is not None:
        return options.tftrt.allow_build_at_runtime
    return options.fixed_size is None or not options.tftrt.build_at_conversion


def _inputs(images: CalibrationSet) -> Iterator[tuple[Any]]:
    for image in progress(images.images(), total=len(images), unit="image", description="calibrate"):
        yield (tensorflow().constant(image),)
