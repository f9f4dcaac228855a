"""``east read``: images, folders or standard input in, their text out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..flags import add_options, add_reading_options, reading_options_from
from ..options import READING_SCORE_THRESHOLD
from . import detect
from .formats import READ

if TYPE_CHECKING:
    from ..detections import Detections
    from ..options import ReadingOptions


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "read",
        help="read the text in images",
        description="Finds the words in images, reads them with a recogniser and prints the text in reading order. An "
        "image that cannot be used, or is not there, is named on stderr and the others go on; the exit "
        "status is then 1.",
    )
    detect.add_inputs(parser)
    detect.add_output(parser, READ)
    add_reading_options(parser)
    add_options(parser, defaults={"score_threshold": READING_SCORE_THRESHOLD})
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Detects, reads, writes, and returns 1 if any image could not be used."""
    options = reading_options_from(args)
    return detect.run(args, partial(_load, options), options)


def _load(options: ReadingOptions, threads: int | None, several: bool) -> Callable[[Detections], Detections]:
    from ..ocr import find
    from ..reading import threads_beside

    threads = threads_beside(threads) if several else threads
    recogniser = find(options.recogniser, language=options.language, threads=threads)
    return lambda found: found.read(recogniser, padding=options.padding, text_threshold=options.least_confidence)
