"""``east freeze``: weights in any form to one frozen graph."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from ..flags import add_options, options_from
from ..outputs import Output, check_outputs


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "freeze",
        help="write weights as one frozen graph",
        description="Writes a TensorFlow graph (.pb) with the weights in it and nothing of training, from input_images "
        "to feature_fusion/Conv_7/Sigmoid (score) and feature_fusion/concat_3 (geometry). The float32 form also "
        "loads in OpenCV (cv2.dnn.readNet) and OpenVINO.",
    )
    add_options(parser, ["weights", "nodes", "calibration"])
    parser.add_argument("--signature", metavar="KEY", help="signature of a SavedModel that has several")
    output = parser.add_argument_group("output")
    output.add_argument("--output", required=True, type=Path, metavar="FILE.pb", help="file to write")
    output.add_argument(
        "--input-dtype",
        choices=["float32", "uint8"],
        default="float32",
        help="of the images the graph takes, RGB 0..255 (default: float32)",
    )
    output.add_argument(
        "--precision",
        choices=["FP32", "INT8"],
        default="FP32",
        help="INT8 writes 8-bit ranges into the graph, as QuantizeAndDequantize operations (default: FP32)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Freezes, writes, and prints one line about what was written."""
    from ..model import weights
    from ..model.source import ModelSource
    from ..runtimes.inputs import files_read

    options = options_from(args)
    path = weights.resolve(options.weights)
    int8 = args.precision == "INT8"
    check_outputs([Output("--output", args.output)], files_read(replace(options, precision=args.precision)))
    from ..model.freezing.freeze import freeze

    frozen = freeze(path, options.nodes, input_dtype=args.input_dtype, signature=args.signature)
    if int8:
        from ..runtimes.conversion.known_ranges import find_ranges
        from ..runtimes.rewrites.explicit_ranges import quantized

        source = ModelSource.find(options.weights, options.nodes)
        frozen = quantized(frozen, find_ranges(source, options.calibration))
    frozen.save(args.output)
    size = args.output.stat().st_size / 1e6
    kinds = len(frozen.operations)
    print(
        f"{args.output}: {len(frozen.graph_def.node)} nodes of {kinds} kinds, {size:.1f} MB, "
        f"{frozen.input_dtype} input, weights {frozen.weights_sha256[:12]}"
    )
    return 0
