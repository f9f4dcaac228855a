"""The command line ``east``, also ``python -m east``: one module a command, none of them heavy to import."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .. import __version__
from ..console import make_parser, run_command
from . import batch, cache, calibrate, convert, detect, export, freeze, inspect, read, runtimes, train, weights
from .neighbours import NEIGHBOURS, run_neighbour


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in {neighbour.name for neighbour in NEIGHBOURS}:
        return run_neighbour(arguments[0], arguments[1:])
    own = (detect, read, batch, freeze, calibrate, convert, export, inspect, runtimes, cache, weights, train)
    description = "EAST scene-text detection: words as quadrilaterals."
    adders = [command.add_parser for command in (*own, *NEIGHBOURS)]
    parser = make_parser("east", description, adders)
    parser.add_argument("--version", action="version", version=f"east {__version__}")
    return run_command(parser, arguments)
