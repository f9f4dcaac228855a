"""``east train``: the commands of `east.training`."""

from __future__ import annotations

import argparse

from ..training.cli import add_commands


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("train", help="train, export weights, draw synthetic pictures")
    parser.set_defaults(needs="train")
    add_commands(parser.add_subparsers(dest="task", required=True, metavar="TASK"))
