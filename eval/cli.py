"""``python -m eval``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from east.console import run_command

from .commands import compare, icdar2015, score, speed


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    parser = argparse.ArgumentParser(prog="eval", description="Accuracy and speed by the ICDAR2015 protocol.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (icdar2015, score, speed, compare):
        module.add_parser(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show a traceback when something fails")
    return run_command(parser, argv)
