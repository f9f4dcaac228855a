"""``python -m eval icdar2015``: accuracy and speed of this project's detector, in one table."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from east.cli.options import add_model_options, fraction, positive, size

if TYPE_CHECKING:
    from east import Precision, TextDetector

    from ..dataset import Icdar2015
    from ..journal import Journal
    from ..run import Run


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "icdar2015",
        help="accuracy and speed on ICDAR2015 images",
        description="Runs the detector on ICDAR2015 images and prints accuracy and speed. An interrupted run goes on "
        "where it stopped when the same command is given again.",
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        type=Path,
        default=os.environ.get("ICDAR2015_DIR") or None,
        metavar="DIR",
        help="folder with img_N.jpg and gt_img_N.txt (default: ICDAR2015_DIR)",
    )
    data.add_argument("--gt", type=Path, metavar="PATH", help="folder or zip of the ground truths, if elsewhere")
    data.add_argument("--subset", metavar="NUMBERS", help="images to evaluate on, such as 801-1000 or 1,5,10-20")
    add_model_options(parser)
    group = parser.add_argument_group("runtime")
    group.add_argument("--runtime", nargs="+", default=["auto"], metavar="NAME", help="one or more (default: auto)")
    group.add_argument(
        "--precision",
        nargs="+",
        default=["FP32"],
        type=str.upper,
        choices=["FP32", "FP16", "INT8"],
        help="one or more of FP32, FP16 and INT8 (default: FP32)",
    )
    group.add_argument("--threads", type=positive, metavar="N", help="CPU threads (default: the runtime's choice)")
    group = parser.add_argument_group("detection")
    group.add_argument(
        "--input-size", type=size, default=(672, 1280), metavar="HxW", help="network size (default: 672x1280)"
    )
    group.add_argument("--threshold", "--score-threshold", type=fraction, default=0.8, metavar="T", help="default: 0.8")
    group.add_argument("--nms-threshold", type=fraction, default=0.2, metavar="T", help="default: 0.2")
    group.add_argument("--box-threshold", type=fraction, default=0.1, metavar="T", help="default: 0.1")
    output = parser.add_argument_group("output")
    output.add_argument("--report", type=Path, metavar="DIR", help="write report, submission, plots and gallery there")
    output.add_argument("--gallery", type=positive, default=60, metavar="N", help="images in the gallery (default: 60)")
    output.add_argument("--json", action="store_true", help="print the figures as JSON instead of the table")
    parser.add_argument("--restart", action="store_true", help="do not go on with an interrupted run")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluates every runtime at every precision asked for; returns 1 if one of them is not possible here."""
    from .. import dataset as icdar2015
    from ..run import evaluate

    if args.data is None:
        return _refuse(icdar2015.HOW_TO_GET_IT)
    try:
        todo, impossible = _possible(args.runtime, args.precision)
        if args.subset is not None:
            icdar2015.parse_subset(args.subset)
    except ValueError as error:
        return _refuse(str(error))
    dataset = icdar2015.load(args.data, args.gt, args.subset)
    if dataset.note:
        _tell(f"note: {dataset.note}")
    for problem in impossible:
        _tell(f"error: {problem}")
    if args.report is not None:
        if args.report.is_file():
            return _refuse(f"--report needs a folder, and {args.report} is a file")
        args.report.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        journals: list[Journal] = []
        runs = []
        for runtime, precision in todo:
            with _detector(args, runtime, precision) as detector:
                journals.append(stack.enter_context(_journal(args, dataset, detector)))
                try:
                    runs.append(evaluate(detector, dataset, journals[-1]))
                except KeyboardInterrupt:
                    done = f"{len(journals[-1].results)} of {len(dataset.samples)} images are done"
                    _tell(f"{done}; the same command goes on from there")
                    raise
        if runs and args.report is not None:
            from ..report import write_report

            write_report(args.report, dataset, runs, shown=args.gallery)
        for journal in journals:
            journal.forget()
    if runs:
        print(_printed(args.json, dataset, runs), end="")
    return 1 if impossible else 0


def _possible(runtimes: list[str], precisions: list[str]) -> tuple[list[tuple[str, Precision]], list[str]]:
    """The combinations that this machine can do, ``auto`` resolved, and why it cannot do the others.

    Raises:
        ValueError: for an unknown runtime.
    """
    from east.errors import UnsupportedPrecisionError
    from east.runtimes import availability, choose
    from east.types import Precision

    possible: dict[tuple[str, Precision], None] = {}
    impossible = []
    for runtime, precision in product(runtimes, map(Precision, precisions)):
        try:
            name = choose(precision).name if runtime == "auto" else runtime
        except UnsupportedPrecisionError as error:
            impossible.append(str(error))
            continue
        here = availability(name)
        if precision in here.precisions:
            possible[name, precision] = None
        else:
            able = f"it can do {', '.join(here.precisions)}" if here.precisions else "it cannot run here"
            impossible.append(f"runtime {name!r} cannot do {precision}: {here.missing or able}")
    return list(possible), impossible


def _detector(args: argparse.Namespace, runtime: str, precision: Precision) -> TextDetector:
    from east import NodeNames, TextDetector

    return TextDetector(
        weights=args.weights,
        runtime=runtime,
        precision=precision,
        input_size=args.input_size,
        score_threshold=args.threshold,
        nms_threshold=args.nms_threshold,
        box_threshold=args.box_threshold,
        threads=args.threads,
        nodes=NodeNames(args.input_name, args.score_name, args.geometry_name),
    )


def _journal(args: argparse.Namespace, dataset: Icdar2015, detector: TextDetector) -> Journal:
    from ..run import open_journal

    journal = open_journal(dataset, detector, args.threads)
    if args.restart:
        journal.forget()
    if journal.results:
        _tell(f"going on with an interrupted run: {len(journal.results)} of {len(dataset.samples)} images are done")
    return journal


def _printed(as_json: bool, dataset: Icdar2015, runs: list[Run]) -> str:
    from ..report import overview
    from ..table import accuracy_tables

    return f"{json.dumps(overview(dataset, runs), indent=2)}\n" if as_json else accuracy_tables(runs)


def _tell(message: str) -> None:
    print(f"eval: {message}", file=sys.stderr)


def _refuse(message: str) -> int:
    _tell(f"error: {message}")
    return 2
