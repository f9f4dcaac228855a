"""``python -m eval``."""

from __future__ import annotations

from collections.abc import Sequence

from east.console import make_parser, run_command

from .commands import calibrate, compare, icdar2015, score, speed


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    commands = [module.add_parser for module in (icdar2015, calibrate, score, speed, compare)]
    parser = make_parser("eval", "Accuracy and speed by the ICDAR2015 protocol.", commands)
    parser.set_defaults(needs="eval")
    return run_command(parser, argv)
