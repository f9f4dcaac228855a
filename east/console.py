"""How every command of the project behaves at a terminal: one line per error, the right exit status."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

from .errors import EastError, UsageError
from .extras import missing_package, require

Item = TypeVar("Item")
Commands = Any  # argparse's own name for it is private


def make_parser(prog: str, description: str, commands: Iterable[Callable[[Commands], None]]) -> argparse.ArgumentParser:
    """The parser of a command line, all commands of which know ``--verbose`` and ``--debug``.

    Args:
        prog: what it is called.
        description: what it is for.
        commands: each adds a command, or several, whose default ``run`` does the work.
    """
    parser = _Parser(prog=prog, description=description)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in commands:
        add(subparsers)
    _add_common_flags(subparsers)
    return parser


def run_command(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Parses ``argv`` and calls the chosen command's ``run(args) -> int``.

    A parser's default ``needs`` names the extra, one of `EXTRAS`, that its commands cannot do without.

    Returns:
        the exit status: what the command returned, 1 after a failure (one line on stderr, or a traceback with
        ``--debug``), 2 for flags that do not go together, 130 after Ctrl-C. Other bad usage exits with 2 at once.
    """
    _stand_in_for_closed_streams()
    args = parser.parse_args(argv)
    logging.basicConfig(format=f"{parser.prog}: %(message)s", stream=sys.stderr)
    if args.verbose or sys.stderr.isatty():
        logging.getLogger("east").setLevel(logging.INFO)
    try:
        status = _run(args, parser.prog)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe has left: nobody is there to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        if args.debug:
            raise
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 130
    except (EastError, OSError, ValueError) as error:
        if args.debug:
            raise
        print(f"{parser.prog}: error: {one_line(error)}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    return status


def _run(args: argparse.Namespace, program: str) -> int:
    command = f"{program} {args.command}"
    if "needs" in args:
        require(args.needs, command)
    try:
        status: int = args.run(args)
    except ModuleNotFoundError as error:
        raise missing_package(error, command) from error
    return status


def one_line(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__


def refuse_closed_output(instead: str) -> None:
    """Raises ``OSError`` where what is printed would be lost; ``instead`` says what to do."""
    if getattr(sys.stdout, "name", None) == os.devnull:  # which `_stand_in_for_closed_streams` has opened
        raise OSError(errno.EBADF, f"is closed, and the result would be lost: {instead}", "standard output")


def progress(items: Iterable[Item], *, total: int | None, unit: str, description: str = "") -> Iterable[Item]:
    """``items`` under a progress bar on stderr, which stays silent when that is not a terminal."""
    from tqdm import tqdm

    bar: Iterable[Item] = tqdm(items, total=total, unit=unit, desc=description or None, disable=None, leave=False)
    return bar


def markdown_table(columns: Sequence[str], body: Sequence[Sequence[str]], beside: Sequence[Sequence[str]] = ()) -> str:
    """A Markdown table, aligned so that it also reads well as plain text.

    Args:
        columns: their headings.
        body: the rows; the first cell of each is text, the others are numbers.
        beside: rows of another table that is to be as wide.
    """
    widths = [max(map(len, cells)) for cells in zip(columns, *body, *beside, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "".join(
        "| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |\n"
        for row in (columns, rule, *body)
    )


class _Parser(argparse.ArgumentParser):
    """Tells of bad usage in one line, and so do the parsers of its commands."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (--help tells more)\n")


def _add_common_flags(commands: Commands) -> None:
    for parser in {id(parser): parser for parser in commands.choices.values()}.values():
        nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        for inner in nested:
            _add_common_flags(inner)
        if not nested:
            parser.add_argument("--verbose", action="store_true", help="say what is chosen and built, on stderr")
            parser.add_argument("--debug", action="store_true", help="show a traceback when something fails")


def _stand_in_for_closed_streams() -> None:
    """Opens what a shell's ``>&-`` has closed, before another file takes the number and gets what is printed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
