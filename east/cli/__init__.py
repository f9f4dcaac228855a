"""``python -m east``, also installed as ``east``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ..console import run_command
from . import cache, convert, detect, freeze, inspect, runtimes


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    parser = argparse.ArgumentParser(prog="east", description="EAST scene-text detection: words as quadrilaterals.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (detect, freeze, convert, inspect, runtimes, cache):
        module.add_parser(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show a traceback when something fails")
        command.add_argument("--verbose", action="store_true", help="say what is chosen and built, on stderr")
    return run_command(parser, argv)
