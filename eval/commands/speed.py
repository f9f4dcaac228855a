"""``python -m eval speed``: how fast every runtime and precision is on this machine."""

from __future__ import annotations

import argparse
import json
from itertools import chain
from pathlib import Path

from east.flags import add_options, options_from, positive
from east.options import EVALUATION_SIZE, RUNTIMES
from east.outputs import Output, check_outputs

from . import add_choice

_FILES = ("speed.json", "speed.csv", "speed.md")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "speed",
        help="how fast every runtime and precision is here",
        description="Times every runtime and precision that this machine can do, in turns: the network alone (host "
        "array in, host maps out), images to boxes, and end to end (JPEG bytes in, boxes out).",
    )
    add_choice(parser, "runtime", "NAME", ["auto"], "default: all that work here")
    add_choice(parser, "precision", "PRECISION", None, "default: all")
    parser.add_argument("--images", type=Path, metavar="DIR", help="JPEG files to run on (default: the project's own)")
    parser.add_argument("--batch", type=positive, nargs="+", default=[1], metavar="N", help="default: 1")
    parser.add_argument("--rounds", type=positive, default=10, metavar="N", help="turns of each (default: 10)")
    parser.add_argument("--seconds", type=float, default=0.3, metavar="S", help="of one measurement (default: 0.3)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="write speed.json, speed.csv and speed.md there")
    add_options(parser, without=["runtime", "precision", "tf32"], defaults={"input_size": EVALUATION_SIZE})
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measures, prints the table, and writes the files if asked to."""
    from east.files import written_whole
    from east.folders import files_in
    from east.runtimes.conversion.calibration import SHIPPED
    from east.runtimes.inputs import files_read
    from east.types import Precision

    from ..run import environment
    from ..speed.benchmark import Workload, cases, run_benchmark
    from ..speed.formats import comma_separated, document, markdown

    folder = args.images or SHIPPED
    images = tuple(files_in(folder, [".jpg", ".jpeg"]))[:16]
    if not images:
        raise ValueError(f"{folder}: no .jpg files in this folder")
    options = options_from(args, input_size=EVALUATION_SIZE)
    if args.output is not None:
        outputs = [Output("--output", args.output / name) for name in _FILES]
        check_outputs(outputs, chain(images, files_read(options)))
    todo = cases(options, RUNTIMES if "auto" in args.runtime else args.runtime, args.precision or Precision)
    if not todo:
        raise ValueError("nothing to measure: none of these runtimes can do any of these precisions here")
    workload = Workload(images, tuple(args.batch), args.rounds, args.seconds)
    measured = run_benchmark(todo, workload)
    table = markdown(measured)
    if args.output is not None:
        values = json.dumps(document(measured, workload, environment()), indent=2) + "\n"
        for name, text in zip(_FILES, (values, comma_separated(measured), table), strict=True):
            with written_whole(args.output / name) as file:
                file.write(text.encode())
    print(table, end="")
    return 0
