"""``east batch``: any number of images to files of results, here or on a Ray cluster."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from ..batch.options import FORMATS, SHARD_SIZE, BatchOptions, Cluster
from ..cores import take_short_turns
from ..errors import UsageError
from ..flags import (
    add_options,
    add_pdf_dpi,
    add_read,
    add_stream_options,
    options_from,
    positive,
    read_options_from,
    stream_options_from,
)

if TYPE_CHECKING:
    from ..options import ReadingOptions


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "batch",
        help="find the words in any number of images, on one machine or many",
        description="Finds the words in any number of images, reads them with --read, and writes a row for each image. "
        "A job that was stopped goes on where it was when it is started again; each image is in the output once. An "
        "image that cannot be used has its error in its row; the exit status is then 1.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="image files, PDFs, Parquet files, folders, patterns; paths, or URIs such as s3://BUCKET/scans/*.jpg",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="folder for the results; a URI is written to by every machine, a path by this one",
    )
    output.add_argument("--format", choices=FORMATS, default=BatchOptions.format, help="default: %(default)s")
    output.add_argument(
        "--shard-size", type=positive, default=SHARD_SIZE, metavar="N", help="images of one file (default: %(default)s)"
    )
    output.add_argument("--overwrite", action="store_true", help="begin anew where another job's results are")
    parser.add_argument("--column", metavar="NAME", help="of Parquet files, the column with the images or their paths")
    add_pdf_dpi(parser)
    ray = parser.add_argument_group("Ray cluster")
    ray.add_argument(
        "--ray",
        nargs="?",
        const="",
        metavar="ADDRESS",
        help="work on a Ray cluster: the one at this address, auto for the one of this machine or of RAY_ADDRESS; "
        "without an address one on this machine, for the time of the job",
    )
    ray.add_argument("--detectors", type=positive, metavar="N", help="how many (default: as many as there is room for)")
    ray.add_argument(
        "--gpus-per-detector", type=_share, metavar="X", help="GPUs of each (default: 1 if there are any, else 0)"
    )
    ray.add_argument(
        "--cpus-per-detector",
        type=positive,
        metavar="N",
        help="processor cores of each (default: those of the smallest node; on GPUs, its share of them)",
    )
    add_read(parser, "have the words read, too")
    add_stream_options(parser)
    add_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Works the job off, and returns 1 if any image could not be used."""
    pool = {name: getattr(args, name) for name in ("detectors", "gpus_per_detector", "cpus_per_detector")}
    if args.ray is None:
        for name, value in pool.items():
            if value is not None:
                raise UsageError(f"--{name.replace('_', '-')} needs --ray")
    cluster = None if args.ray is None else Cluster(args.ray or None, **pool)
    stream = stream_options_from(args)
    given = {name: getattr(args, name) for name in ("format", "shard_size", "column", "overwrite", "pdf_dpi")}
    batch = BatchOptions(**given, processes=stream.processes)
    reading = read_options_from(args)
    options = options_from(args, reading)

    take_short_turns()
    from tqdm import tqdm

    from ..batch import detect_all

    with tqdm(unit="image", desc="batch", disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            if bar.total is None:
                bar.total, bar.initial = total, done
                bar.reset(total)
            bar.update(done - bar.n)

        read: dict[str, Any] = {} if reading is None else _reading(reading)
        summary = detect_all(args.sources, args.output, options, batch=batch, cluster=cluster, progress=show, **read)
    before = f", {summary.before} of them before" if summary.before else ""
    told = f"{summary.images} images{before}, {summary.failed} could not be used"
    print(f"east: {args.output}: {told}", file=sys.stderr)
    return 1 if summary.failed else 0


def _reading(options: ReadingOptions) -> dict[str, Any]:
    """What `detect_all` is told of it."""
    from ..ocr import find_class

    read = partial(find_class(options.recogniser), language=options.language)
    return {"read": read, "padding": options.padding, "text_threshold": options.least_confidence}


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1000:
        raise argparse.ArgumentTypeError(f"must be a number of GPUs, or a share of one such as 0.5, got {text!r}")
    return share
