"""``python -m eval calibrate``: what the scores of a set of weights mean, fitted on images they were not trained on."""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import chain
from pathlib import Path

from east.errors import UsageError
from east.flags import add_options, options_from
from east.options import EVALUATION_SIZE
from east.outputs import Output, check_outputs

from . import add_data


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "calibrate",
        help="fit the confidence curve of weights, on images that they were not trained on",
        description="Fits the curve that makes a box's score the probability that it is a word, on images with ground "
        "truth that the weights were not trained on, and puts it on record beside the weights, where every detector "
        "finds it from then on. 'east weights confidence' takes the record for other weights.",
    )
    add_data(parser)
    add_options(parser, without=["scoring", "box_threshold"], defaults={"input_size": EVALUATION_SIZE})
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.confidence.json",
        help="write the record there instead (default: where a detector with these weights finds it)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Detects, fits, writes the record, and prints one line about it."""
    from east import TextDetector
    from east.model.confidence import Confidence
    from east.model.source import ModelSource
    from east.model.weights import confidence_places
    from east.runtimes.inputs import files_read

    from .. import dataset as icdar2015
    from ..calibration import fit
    from ..run import evaluate, open_journal

    if args.data is None:
        raise UsageError(icdar2015.HOW_TO_GET_IT)
    options = replace(options_from(args, input_size=EVALUATION_SIZE), scoring="peak", box_threshold=0.0)
    source = ModelSource.find(options.weights, options.nodes)
    path = args.output or confidence_places(source.path)[0]
    read = chain(icdar2015.data_files(args.data, args.gt), files_read(options))
    inputs = (one for one in read if args.output is not None or one != path)  # what is on record may be replaced
    check_outputs([Output("--output" if args.output else "the record", path)], inputs)
    dataset = icdar2015.load(args.data, args.gt, args.subset)
    with TextDetector.from_options(options) as detector, open_journal(dataset, detector) as journal:
        done = evaluate(detector, dataset, journal)
        found = fit(dataset, done)
        fitted = {
            "weights": done.about["weights"],
            "weights_sha256": done.about["weights_sha256"],
            "network": f"{done.name}, {'x'.join(map(str, options.input_size)) if options.input_size else 'any size'}",
            "score_threshold": options.score_threshold,
            "images": len(dataset.samples),
            "subset": dataset.subset,
            "images_sha256": dataset.digest,
            "boxes": found.boxes,
            "right": found.right,
            "average_precision": round(found.ap, 4),
            "cross_validated_error": round(found.ece, 4),
        }
        Confidence(found.curve, source.sha256, fitted).save(path)
        journal.forget()
    print(
        f"{path}: {found.curve} of {found.boxes:,} boxes, {found.right:,} of them words, in {len(dataset.samples)} "
        f"images; AP {found.ap:.4f}, expected calibration error {found.ece:.4f} (cross-validated)"
    )
    return 0
