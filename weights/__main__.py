"""``python -m weights``: list, show, verify and import weights."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from east.console import run_command
from east.model.weights import Record, default_name, import_weights, manifest, verify


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m weights", description="The weights this installation knows.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", help="one line each").set_defaults(run=_list)
    show = commands.add_parser("show", help="everything on record of one set of weights, as JSON")
    show.add_argument("name", nargs="?", default="default")
    show.set_defaults(run=_show)
    check = commands.add_parser("verify", help="compare the files with the hashes on record")
    check.add_argument("names", nargs="*", metavar="NAME", help="all, if none is given")
    check.set_defaults(run=_verify)
    add = commands.add_parser("import", help="put a TensorFlow checkpoint or a bundle under a name of its own")
    add.add_argument("source", type=Path, help="checkpoint prefix or folder, or .npz bundle")
    add.add_argument("--name", required=True)
    add.add_argument("--training", default="", help="how they were trained, in words")
    add.add_argument("--terms", default="", help="the terms they may be used under")
    add.add_argument("--replace", action="store_true", help="replace weights imported before under that name")
    add.set_defaults(run=_import)
    for command in (parser, *commands.choices.values()):
        command.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    return run_command(parser, argv)


def _list(_: argparse.Namespace) -> int:
    for record in manifest().values():
        f1 = record.accuracy.get("f1")
        note = "default" if record.name == default_name() else ""
        accuracy = "F1 not measured" if f1 is None else f"F1 {f1:.3f}"
        print(f"{record.name:24} {record.bytes / 1e6:6.1f} MB  {accuracy:15}  {record.sha256[:12]}  {note}".rstrip())
    return 0


def _show(args: argparse.Namespace) -> int:
    print(json.dumps(_record(args.name).as_dict(), indent=2))
    return 0


def _verify(args: argparse.Namespace) -> int:
    for record in [_record(name) for name in args.names] or manifest().values():
        verify(record)
        print(f"{record.name}: {record.path} is intact, sha256 {record.sha256}")
    return 0


def _import(args: argparse.Namespace) -> int:
    record = import_weights(args.source, args.name, training=args.training, terms=args.terms, replace=args.replace)
    print(f"{record.name}: {record.path}, {record.bytes / 1e6:.1f} MB, sha256 {record.sha256}")
    return 0


def _record(name: str) -> Record:
    from east.errors import WeightsError

    records = manifest()
    name = default_name() if name == "default" else name
    if name not in records:
        raise WeightsError(f"no weights named {name!r}; known names: {', '.join(records)}")
    return records[name]


if __name__ == "__main__":
    sys.exit(main())
