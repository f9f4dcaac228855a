"""``east runtimes``: what this machine can run, at which precision, and what is missing for the rest."""

from __future__ import annotations

import argparse
import json


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("runtimes", help="what this machine can run, and what is missing for the rest")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints a line per runtime, and what ``auto`` takes for each precision."""
    from ..errors import UnsupportedPrecisionError
    from ..options import RUNTIMES, DetectorOptions
    from ..runtimes import availability, choose
    from ..types import Precision

    found = {name: availability(name) for name in RUNTIMES}
    chosen: dict[str, str | None] = {}
    for precision in Precision:
        try:
            chosen[str(precision)] = choose(DetectorOptions(precision=precision)).name
        except UnsupportedPrecisionError:
            chosen[str(precision)] = None
    if args.json:
        runtimes = {
            name: {"precisions": [str(p) for p in here.precisions], "missing": here.missing}
            for name, here in found.items()
        }
        print(json.dumps({"runtimes": runtimes, "auto": chosen}, indent=2))
        return 0
    for name, here in found.items():
        columns = "  ".join(f"{p if p in here.precisions else '-':5}" for p in Precision)
        print(f"{name:12}{columns}  {here.missing}".rstrip())
    print(f"{'auto':12}" + "  ".join(f"{p}: {name or 'none'}" for p, name in chosen.items()))
    return 0
