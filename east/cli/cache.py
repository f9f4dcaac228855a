"""``east cache``: the converted models on disk."""

from __future__ import annotations

import argparse


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser("cache", help="list the converted models on disk, or clear all that is kept there")
    parser.add_argument("action", choices=["list", "clear"])
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints one line per converted model, or removes all that is in the cache and not in use."""
    from ..runtimes.conversion.artifacts import ArtifactCache

    cache = ArtifactCache()
    if args.action == "clear":
        print(f"freed {cache.clear() / 1e6:.1f} MB in {cache.folder}")
        return 0
    for artifact in cache.entries():
        rest = {part: _short(value) for part, value in artifact.key.items() if part not in ("runtime", "precision")}
        details = "  ".join(f"{part} {value}" for part, value in rest.items() if value)
        print(f"{artifact.folder.name}  {artifact.bytes / 1e6:.1f} MB  {artifact.seconds:.1f} s  {details}")
    return 0


def _short(value: object) -> str:
    """A part of a key, hashes cut to what tells them apart, and nothing for what is not set."""
    if isinstance(value, dict):
        return ",".join(f"{name}={_short(part)}" for name, part in value.items() if part is not None)
    return "" if value is None else str(value)[:12]
