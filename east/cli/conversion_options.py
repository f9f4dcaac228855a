"""The options that say how a model is converted for a runtime."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .options import fraction, positive, size

if TYPE_CHECKING:
    from ..options import TfTrtOptions
    from ..runtimes.base import LoadOptions
    from ..runtimes.conversion.calibration import Calibration


def add_runtime_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that choose a runtime and a precision, and say how to convert for them."""
    group = parser.add_argument_group("runtime")
    group.add_argument("--runtime", default="auto", metavar="NAME", help="'python -m east runtimes' lists them")
    group.add_argument("--precision", default="FP32", type=str.upper, choices=["FP32", "FP16", "INT8"])
    group.add_argument("--threads", type=positive, metavar="N", help="CPU threads (default: the runtime's choice)")
    group.add_argument("--tf32", action="store_true", help="let an NVIDIA GPU round FP32 to TF32")
    group.add_argument(
        "--gpu-memory-fraction",
        type=fraction,
        metavar="SHARE",
        help="of the GPU's memory, what TensorFlow may take (default: what it needs)",
    )
    _add_calibration(parser.add_argument_group("calibration of INT8"))
    _add_tftrt(parser.add_argument_group("TF-TRT, under the names of TrtGraphConverterV2"))


def load_options_from(args: argparse.Namespace) -> LoadOptions:
    """What the options of `add_runtime_options` describe, for images of ``args.input_size`` if that is given."""
    from ..runtimes.base import LoadOptions
    from ..types import Precision, Size

    return LoadOptions(
        Precision(args.precision),
        args.threads,
        args.tf32,
        Size(*args.input_size) if args.input_size else None,
        args.gpu_memory_fraction,
        tftrt_from(args),
        calibration_from(args),
        args.max_drop,
    )


def calibration_from(args: argparse.Namespace) -> Calibration:
    """Which images to calibrate on."""
    from ..runtimes.conversion.calibration import Calibration
    from ..types import Size

    return Calibration(args.calibration, args.calibration_count, args.calibration_seed, Size(*args.calibration_size))


def tftrt_from(args: argparse.Namespace) -> TfTrtOptions:
    """How TF-TRT is to convert."""
    from ..options import TfTrtOptions

    return TfTrtOptions(
        args.max_workspace_size_bytes,
        args.minimum_segment_size,
        args.maximum_cached_engines,
        args.use_dynamic_shape,
        args.dynamic_shape_profile_strategy,
        args.use_calibration,
        args.build_at_conversion,
        args.allow_build_at_runtime,
        tuple(args.build_batches),
    )


def _add_calibration(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR|FILE",
        help="folder of images, or the calibration.json of an earlier calibration, to repeat it (default: ICDAR2015's "
        "training images below ICDAR2015_DIR, else those shipped with the project)",
    )
    group.add_argument("--calibration-count", type=positive, default=100, metavar="N", help="default: 100")
    group.add_argument("--calibration-seed", type=int, metavar="N", help="draw them at random, not the first by name")
    group.add_argument("--calibration-size", type=size, default=(672, 1280), metavar="HxW", help="default: 672x1280")
    group.add_argument(
        "--max-drop",
        type=fraction,
        metavar="F1",
        help="on OpenVINO, put layers back to floating point until the boxes found on the calibration images agree "
        "with FP32's to 1 minus this, such as 0.01",
    )


def _add_tftrt(group: argparse._ArgumentGroup) -> None:
    yes_or_no = argparse.BooleanOptionalAction
    group.add_argument("--max-workspace-size-bytes", type=positive, metavar="N", help="default: TF-TRT's own")
    group.add_argument("--minimum-segment-size", type=positive, default=3, metavar="N", help="default: 3")
    group.add_argument("--maximum-cached-engines", type=positive, default=16, metavar="N", help="default: 16")
    group.add_argument("--use-dynamic-shape", action="store_true", help="one engine for a range of shapes")
    group.add_argument(
        "--dynamic-shape-profile-strategy",
        default="Range",
        choices=["Range", "Optimal", "Range+Optimal", "ImplicitBatchModeCompatible"],
        help="default: Range",
    )
    group.add_argument(
        "--use-calibration",
        action=yes_or_no,
        default=True,
        help="let TensorRT calibrate INT8; without, the graph gets explicit ranges, measured on the same images",
    )
    group.add_argument("--build-at-conversion", action=yes_or_no, default=True, help="or else at first use")
    group.add_argument("--allow-build-at-runtime", action=yes_or_no, help="default: only if image sizes vary")
    group.add_argument(
        "--build-batches", type=positive, nargs="+", default=[1, 8], metavar="N", help="batch sizes (default: 1 8)"
    )
