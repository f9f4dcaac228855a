"""``python -m eval icdar2015``: accuracy and speed of this project's detector, in one table."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING

from east.errors import RuntimeUnavailableError, UnsupportedPrecisionError, UsageError
from east.flags import add_options, add_read, options_from, positive, read_options_from
from east.options import EVALUATION_SIZE
from east.outputs import Output, check_outputs

from . import add_choice, add_data

if TYPE_CHECKING:
    from east import DetectorOptions, TextDetector
    from east.options import ReadingOptions

    from ..dataset import Icdar2015
    from ..journal import Journal
    from ..run import Reader


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "icdar2015",
        help="accuracy and speed on ICDAR2015 images",
        description="Runs the detector on ICDAR2015 images and prints accuracy and speed. An interrupted run goes on "
        "where it stopped when the same command is given again.",
    )
    add_data(parser)
    group = parser.add_argument_group("runtimes")
    add_choice(group, "runtime", "NAME", ["auto"], "one or more (default: auto)")
    add_choice(group, "precision", "PRECISION", ["FP32"], "one or more of FP32, FP16, INT8 and auto (default: FP32)")
    add_options(parser, without=["runtime", "precision"], defaults={"input_size": EVALUATION_SIZE})
    add_read(parser, "have the words read, and score those that were")
    output = parser.add_argument_group("output")
    output.add_argument("--report", type=Path, metavar="DIR", help="write report, submission, plots and gallery there")
    output.add_argument("--gallery", type=positive, default=60, metavar="N", help="images in the gallery (default: 60)")
    output.add_argument("--json", action="store_true", help="print the figures as JSON instead of the table")
    parser.add_argument("--restart", action="store_true", help="do not go on with an interrupted run")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluates every runtime at every precision asked for; returns 1 if one of them is possible at none here."""
    from east import TextDetector
    from east.runtimes.inputs import files_read

    from .. import dataset as icdar2015
    from ..report import overview, report_files, write_report
    from ..run import evaluate
    from ..table import accuracy_tables, reading_table

    if args.data is None:
        raise UsageError(icdar2015.HOW_TO_GET_IT)
    if args.report is not None and args.report.is_file():
        raise UsageError(f"--report needs a folder, and {args.report} is a file")
    reading = read_options_from(args)
    base = options_from(args, reading, input_size=EVALUATION_SIZE)
    reader = None if reading is None else _reader(reading, base.threads)
    todo, left_out, impossible = _possible(args, base)
    dataset = icdar2015.load(args.data, args.gt, args.subset)
    if dataset.note:
        _tell(f"note: {dataset.note}")
    for problem in left_out:
        _tell(f"note: {problem}")
    for problem in impossible:
        _tell(f"error: {problem}")
    if args.report is not None:
        names = [f"{options.runtime} {options.precision}" for options in todo]
        outputs = [Output("--report", path) for path in report_files(args.report, dataset, names)]
        read = chain(icdar2015.data_files(args.data, args.gt), *map(files_read, todo))
        check_outputs(outputs, read)
        args.report.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        journals: list[Journal] = []
        runs = []
        for options in todo:
            with TextDetector.from_options(options) as detector:
                journals.append(stack.enter_context(_journal(args, dataset, detector, reader)))
                try:
                    runs.append(evaluate(detector, dataset, journals[-1], reader))
                except KeyboardInterrupt:
                    done = f"{len(journals[-1].results)} of {len(dataset.samples)} images are done"
                    _tell(f"{done}; the same command goes on from there")
                    raise
        if runs and args.report is not None:
            write_report(args.report, dataset, runs, shown=args.gallery)
        for journal in journals:
            journal.forget()
    if runs:
        tables = f"{accuracy_tables(runs)}\n{reading_table(runs)}".rstrip()
        print(json.dumps(overview(dataset, runs), indent=2) if args.json else tables)
    return 1 if impossible else 0


def _possible(args: argparse.Namespace, base: DetectorOptions) -> tuple[list[DetectorOptions], list[str], list[str]]:
    """The detectors asked for that this machine can have, ``auto`` resolved, and why it cannot have the others.

    Of these first those whose runtime is possible at another precision, and whose precision in another runtime.
    """
    from east.model.source import ModelSource
    from east.runtimes import resolve

    faithful = ModelSource.find(base.weights, base.nodes).faithful
    possible: dict[DetectorOptions, tuple[str, str]] = {}
    impossible: dict[tuple[str, str], str] = {}
    for runtime, precision in product(args.runtime, args.precision):
        options = replace(base, runtime=runtime, precision=precision)
        try:
            possible[resolve(options, faithful)] = (runtime, precision)
        except (RuntimeUnavailableError, UnsupportedPrecisionError) as error:
            impossible[runtime, precision] = str(error)
    seen = {name for pair in possible.values() for name in pair}
    left_out = [why for pair, why in impossible.items() if seen.issuperset(pair)]
    return list(possible), left_out, [why for pair, why in impossible.items() if not seen.issuperset(pair)]


def _reader(options: ReadingOptions, threads: int | None) -> Reader:
    from east.ocr import find

    from ..run import Reader

    return Reader(find(options.recogniser, language=options.language, threads=threads), options)


def _journal(args: argparse.Namespace, dataset: Icdar2015, detector: TextDetector, reader: Reader | None) -> Journal:
    from ..run import open_journal

    journal = open_journal(dataset, detector, reader)
    if args.restart:
        journal.forget()
    if journal.results:
        _tell(f"going on with an interrupted run: {len(journal.results)} of {len(dataset.samples)} images are done")
    return journal


def _tell(message: str) -> None:
    print(f"eval: {message}", file=sys.stderr)
