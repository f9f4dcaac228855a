"""How every command of the project behaves at a terminal: one line per error, the right exit status."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from .errors import EastError

Item = TypeVar("Item")


def run_command(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Parses ``argv`` and calls the chosen command's ``run(args) -> int``.

    Returns the exit status: what the command returned, 1 after a failure (one line on stderr, or a
    traceback with ``--debug``), 130 after Ctrl-C. Bad usage exits with 2, as argparse does.
    """
    _stand_in_for_closed_streams()
    args = parser.parse_args(argv)
    logging.basicConfig(format=f"{parser.prog}: %(message)s", stream=sys.stderr)
    if getattr(args, "verbose", False) or sys.stderr.isatty():
        logging.getLogger("east").setLevel(logging.INFO)
    try:
        status: int = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has left: nobody is there to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        if getattr(args, "debug", False):
            raise
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130
    except (EastError, OSError, ValueError) as error:
        if getattr(args, "debug", False):
            raise
        print(f"{parser.prog}: error: {one_line(error)}", file=sys.stderr)
        return 1
    return status


def _stand_in_for_closed_streams() -> None:
    """Opens what a shell's ``>&-`` has closed, before another file takes the number and gets what is printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def one_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def progress(items: Iterable[Item], *, total: int | None, unit: str, description: str = "") -> Iterable[Item]:
    """``items`` under a progress bar on stderr, which stays silent when that is not a terminal."""
    from tqdm import tqdm

    bar: Iterable[Item] = tqdm(items, total=total, unit=unit, desc=description or None, disable=None, leave=False)
    return bar
