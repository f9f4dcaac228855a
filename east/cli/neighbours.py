"""``east serve`` and ``east eval``: the packages beside this one, run as ``python -m`` runs them.

They are started by name, not imported: this package works without them. Where it lies goes first on the path, so
that a user's own ``eval.py`` is not taken for them.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Neighbour(NamedTuple):
    """A package beside this one, as a command."""

    name: str
    package: str
    help: str

    def add_parser(self, commands: Any) -> None:
        """Lists the command; its own parser is the package's."""
        commands.add_parser(self.name, help=self.help)


NEIGHBOURS = (
    Neighbour("serve", "serving", "detect words over HTTP; the same as python -m serving"),
    Neighbour("eval", "eval", "accuracy and speed by the ICDAR2015 protocol; the same as python -m eval"),
)


def run_neighbour(name: str, arguments: Sequence[str]) -> int:
    """Runs the package with these arguments and returns its exit status."""
    package = next(neighbour.package for neighbour in NEIGHBOURS if name == neighbour.name)
    root = str(Path(__file__).parents[2])
    before = sys.argv, list(sys.path)
    sys.argv, sys.path[:0] = [f"east {name}", *arguments], [root]
    try:
        runpy.run_module(package, run_name="__main__", alter_sys=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv, sys.path[:] = before
    return 0
