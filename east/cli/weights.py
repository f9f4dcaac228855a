"""``east weights``, also ``python -m weights``: list, show, verify and import weights."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import Commands, make_parser, run_command

if TYPE_CHECKING:
    from ..model.weights import WeightsRecord


def add_parser(commands: Commands) -> None:
    """Adds the command."""
    parser = commands.add_parser("weights", help="list, show, verify or import weights, or say what their scores mean")
    _add_actions(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs ``python -m weights`` and returns its exit status."""
    return run_command(make_parser("python -m weights", "The weights this installation knows.", [_add_actions]), argv)


def _add_actions(actions: Commands) -> None:
    actions.add_parser("list", help="one line each").set_defaults(run=_list)
    show = actions.add_parser("show", help="everything on record of one set of weights, as JSON")
    show.add_argument("name", nargs="?", default="default")
    show.set_defaults(run=_show)
    verify = actions.add_parser("verify", help="compare the files with the hashes on record")
    verify.add_argument("names", nargs="*", metavar="NAME", help="all, if none is given")
    verify.set_defaults(run=_verify)
    add = actions.add_parser("import", help="put a TensorFlow checkpoint or a bundle under a name of its own")
    add.add_argument("source", type=Path, help="checkpoint prefix or folder, or .npz bundle")
    add.add_argument("--name", required=True)
    add.add_argument("--training", default="", help="how they were trained, in words")
    add.add_argument("--terms", default="", help="the terms they may be used under")
    add.add_argument("--replace", action="store_true", help="replace weights imported before under that name")
    add.set_defaults(run=_import)
    confidence = actions.add_parser(
        "confidence",
        help="put a confidence curve on record for weights",
        description="Puts a confidence curve that 'python -m eval calibrate' fitted with one set of weights on record "
        "for another, of the same training but for the images that the curve was fitted on.",
    )
    confidence.add_argument("name", help="the weights that get it: a name or a path")
    confidence.add_argument("record", type=Path, metavar="FILE.confidence.json", help="the record to take it from")
    confidence.add_argument("--output", type=Path, metavar="FILE", help="write there instead of beside the weights")
    confidence.set_defaults(run=_confidence)


def _list(_: argparse.Namespace) -> int:
    from ..model.weights import default_name, manifest

    for record in manifest().values():
        f1 = record.accuracy.get("f1")
        notes = ["default"] if record.name == default_name() else []
        if "of" in record.accuracy:
            notes.append(f"F1 is that of {record.accuracy['of']}")
        accuracy = "F1 not measured" if f1 is None else f"F1 {f1:.3f}"
        line = f"{record.name:24} {record.bytes / 1e6:6.1f} MB  {accuracy:15}  {record.sha256[:12]}  {', '.join(notes)}"
        print(line.rstrip())
    return 0


def _show(args: argparse.Namespace) -> int:
    from ..model.weights import recorded_confidence, recorded_ranges

    record = _record(args.name)
    about = record.as_dict()
    if (found := recorded_ranges(record.path, record.sha256)) is not None:
        path, ranges = found
        about["ranges"] = {
            "path": str(path),
            "images": len(ranges.images),
            "size": list(ranges.size),
            "rule": str(ranges.rule),
            "sha256": ranges.sha256,
        }
    on_record = recorded_confidence(record.path, record.sha256)
    if on_record is None:
        about["confidence"] = "none on record: a box's score is the highest score of a pixel in its core"
    else:
        about["confidence"] = {"path": str(on_record[0]), **on_record[1].as_dict()}
    print(json.dumps(about, indent=2))
    return 0


def _verify(args: argparse.Namespace) -> int:
    from ..model.weights import manifest, recorded_confidence, verify, verify_ranges

    for record in [_record(name) for name in args.names] or manifest().values():
        verify(record)
        verify_ranges(record)
        recorded_confidence(record.path, record.sha256)
        print(f"{record.name}: {record.path} is intact, sha256 {record.sha256}")
    return 0


def _import(args: argparse.Namespace) -> int:
    from ..model.weights import import_weights

    record = import_weights(args.source, args.name, training=args.training, terms=args.terms, replace=args.replace)
    print(f"{record.name}: {record.path}, {record.bytes / 1e6:.1f} MB, sha256 {record.sha256}")
    return 0


def _confidence(args: argparse.Namespace) -> int:
    from ..model.confidence import Confidence
    from ..model.source import ModelSource, model_files
    from ..model.weights import confidence_places
    from ..outputs import Output, check_outputs

    source = ModelSource.find(args.name)
    path = args.output or confidence_places(source.path)[0]
    check_outputs([Output("--output" if args.output else "the record", path)], [*model_files(args.name), args.record])
    confidence = Confidence.load(args.record).of(source.sha256)
    confidence.save(path)
    print(f"{path}: scores of {source.name} are confidences by {confidence.curve}")
    return 0


def _record(name: str) -> WeightsRecord:
    from ..errors import WeightsError
    from ..model.weights import default_name, manifest

    records = manifest()
    name = default_name() if name == "default" else name
    if name not in records:
        raise WeightsError(f"no weights named {name!r}; known names: {', '.join(records)}")
    return records[name]
