"""``east cache``: the converted models on disk."""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("cache", help="list or clear the converted models on disk")
    parser.add_argument("action", choices=["list", "clear"])
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints one line per converted model, or removes them all."""
    from ..runtimes.artifacts import ArtifactCache

    cache = ArtifactCache()
    if args.action == "clear":
        print(f"freed {cache.clear() / 1e6:.1f} MB in {cache.folder}")
        return 0
    for artifact in cache.entries():
        details = "  ".join(f"{part}={str(value)[:12]}" for part, value in artifact.key.items())
        print(f"{artifact.folder.name}  {artifact.bytes / 1e6:7.1f} MB  {artifact.seconds:6.1f} s  {details}")
    return 0
