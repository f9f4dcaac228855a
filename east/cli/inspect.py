"""``east inspect``: what a conversion does to the graph."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..flags import CONVERSION, add_options, options_from


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "inspect",
        help="operations before and after conversion, engines, file sizes",
        description="Shows what a conversion does to the graph; converts, if that has not been done before.",
    )
    add_options(parser, CONVERSION)
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="write both graphs for TensorBoard (tensorboard --logdir DIR)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Prints operations, engines and files, and writes the graphs if asked to."""
    from ..model.source import ModelSource
    from ..runtimes import convert_model, resolve
    from ..runtimes.conversion.artifacts import ConversionReport

    options = options_from(args)
    source = ModelSource.find(options.weights, options.nodes)
    options = resolve(options, source.faithful, converting=True)
    artifact = convert_model(source, options)
    report = ConversionReport.load(artifact.folder)
    if args.tensorboard is not None:
        from ..runtimes.conversion.tensorboard import write_graphs

        write_graphs(args.tensorboard, source.freeze("uint8").graph_def, artifact.folder)
    if args.json:
        about = {
            "runtime": options.runtime,
            "precision": str(options.precision),
            "weights": source.name,
            "folder": str(artifact.folder),
            "files": dict(artifact.files),
            "bytes": artifact.bytes,
            "seconds": artifact.seconds,
            "engines": report.engines,
            "converted": report.converted,
            "operations_before": dict(report.before),
            "operations_after": dict(report.after),
        }
        print(json.dumps(about, indent=2))
        return 0
    print(f"{source.name} for {options.runtime} {options.precision}, converted in {artifact.seconds:.1f} s")
    print(f"{report.converted:.1%} of the operations in {report.engines} engine{'s' * (report.engines != 1)}")
    print(f"\n{'operation':28}{'before':>8}{'after':>8}")
    for operation in sorted({*report.before, *report.after}):
        print(f"{operation:28}{report.before.get(operation, 0):8}{report.after.get(operation, 0):8}")
    print(f"{'all':28}{sum(report.before.values()):8}{sum(report.after.values()):8}\n")
    for name, size_in_bytes in artifact.files.items():
        print(f"{size_in_bytes / 1e6:10.3f} MB  {name}")
    print(f"{artifact.bytes / 1e6:10.3f} MB  in {artifact.folder}")
    return 0
