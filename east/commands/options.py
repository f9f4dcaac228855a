"""The options by which every command chooses weights, runtime and thresholds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..detector import TextDetector
    from ..runtimes.calibration import Calibration


def size(text: str) -> tuple[int, int]:
    """Parses ``672x1280``, height x width."""
    try:
        height, width = (int(side) for side in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write height x width, such as 672x1280") from None
    if min(height, width) < 32 or height % 32 or width % 32:
        raise argparse.ArgumentTypeError(f"both sides must be multiples of 32, got {text!r}")
    return height, width


def fraction(text: str) -> float:
    """Parses a number between 0 and 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"must be a number between 0 and 1, got {text!r}")
    return value


def positive(text: str) -> int:
    """Parses an integer of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return value


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which weights are meant."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--weights",
        "--checkpoint",
        default="default",
        metavar="NAME|PATH",
        help="a name from 'python -m weights list', or a TensorFlow checkpoint, frozen .pb, SavedModel or .npz",
    )
    group.add_argument("--input-name", metavar="NODE", help="input node (default: input_images)")
    group.add_argument("--score-name", metavar="NODE", help="score node (default: feature_fusion/Conv_7/Sigmoid)")
    group.add_argument("--geometry-name", metavar="NODE", help="geometry node (default: feature_fusion/concat_3)")


def add_detector_options(parser: argparse.ArgumentParser) -> None:
    """Adds every option of `TextDetector`."""
    add_model_options(parser)
    group = parser.add_argument_group("runtime")
    group.add_argument("--runtime", default="auto", metavar="NAME", help="'python -m east runtimes' lists them")
    group.add_argument("--precision", default="FP32", type=str.upper, choices=["FP32", "FP16", "INT8"])
    group.add_argument("--threads", type=positive, metavar="N", help="CPU threads (default: the runtime's choice)")
    group.add_argument("--tf32", action="store_true", help="let TensorFlow on an NVIDIA GPU round FP32 to TF32")
    add_calibration_options(parser)
    group = parser.add_argument_group("detection")
    group.add_argument("--input-size", type=size, metavar="HxW", help="network size for every image, as 672x1280")
    group.add_argument(
        "--max-side", type=positive, default=2400, metavar="PX", help="longest side of the network size (default: 2400)"
    )
    group.add_argument(
        "--rounding", choices=["down", "original"], default="down", help="how sides become multiples of 32"
    )
    group.add_argument("--score-threshold", type=fraction, default=0.8, metavar="T", help="default: 0.8")
    group.add_argument("--nms-threshold", type=fraction, default=0.2, metavar="T", help="default: 0.2")
    group.add_argument("--box-threshold", type=fraction, default=0.1, metavar="T", help="default: 0.1")


def add_calibration_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say how INT8 is calibrated."""
    group = parser.add_argument_group("calibration of INT8")
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
        help="put layers back to floating point until the boxes agree with FP32's to 1 minus this, such as 0.01",
    )


def calibration_from(args: argparse.Namespace) -> Calibration:
    """What the options of `add_calibration_options` describe."""
    from ..runtimes.calibration import Calibration
    from ..types import Size

    return Calibration(args.calibration, args.calibration_count, args.calibration_seed, Size(*args.calibration_size))


def detector_from(args: argparse.Namespace) -> TextDetector:
    """The detector that the options of `add_detector_options` describe."""
    from ..detector import TextDetector
    from ..model.source import NodeNames

    return TextDetector(
        weights=args.weights,
        runtime=args.runtime,
        precision=args.precision,
        input_size=args.input_size,
        max_side=args.max_side,
        score_threshold=args.score_threshold,
        nms_threshold=args.nms_threshold,
        box_threshold=args.box_threshold,
        threads=args.threads,
        rounding=args.rounding,
        tf32=args.tf32,
        nodes=NodeNames(args.input_name, args.score_name, args.geometry_name),
        calibration=calibration_from(args),
        max_drop=args.max_drop,
    )
