"""The options by which every command chooses weights, runtime and thresholds."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..detector import TextDetector
    from ..model.source import ModelSource
    from ..options import NodeNames


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
    from .conversion_options import add_runtime_options

    add_model_options(parser)
    add_runtime_options(parser)
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


def detector_from(args: argparse.Namespace) -> TextDetector:
    """The detector that the options of `add_detector_options` describe."""
    from ..detector import TextDetector
    from .conversion_options import calibration_from, tftrt_from

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
        nodes=nodes_from(args),
        gpu_memory_fraction=args.gpu_memory_fraction,
        calibration=calibration_from(args),
        max_drop=args.max_drop,
        tftrt=tftrt_from(args),
    )


def source_from(args: argparse.Namespace) -> ModelSource:
    """The weights that the options of `add_model_options` name."""
    from ..model.source import ModelSource

    return ModelSource.find(args.weights, nodes_from(args))


def nodes_from(args: argparse.Namespace) -> NodeNames:
    """The names of nodes, where they are given."""
    from ..options import NodeNames

    return NodeNames(args.input_name, args.score_name, args.geometry_name)
