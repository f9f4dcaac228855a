"""``east convert``: a model made ready for a runtime, before somebody waits for it."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from ..flags import CONVERSION, PAIRED, add_options, options_from
from ..outputs import Output, check_outputs


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "convert",
        help="convert weights for a runtime and a precision",
        description="Converts weights for a runtime and a precision and keeps the result in the cache, where every "
        "later start finds it, and compiles what decodes the maps. Converting the same again does nothing.",
    )
    add_options(parser, CONVERSION, spelled_out=PAIRED)
    parser.add_argument("--output", type=Path, metavar="DIR", help="also write the converted model there")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Converts, and prints what came out."""
    from ..compiling import compile_now
    from ..model.source import ModelSource
    from ..runtimes import convert_model, resolve
    from ..runtimes.conversion.artifacts import ConversionReport

    options = options_from(args)
    source = ModelSource.find(options.weights, options.nodes)
    options = resolve(options, source.faithful, converting=True)
    if args.output is not None:
        if args.output.exists():
            raise FileExistsError(17, "is there already; name a folder that is not", str(args.output))
        check_outputs([Output("--output", args.output)], [])
    artifact = convert_model(source, options)
    compile_now()
    report = ConversionReport.load(artifact.folder)
    folder = artifact.folder
    if args.output is not None:
        folder = _copied(folder, args.output)
    size = f"{artifact.bytes / 1e6:.1f} MB"
    print(f"{options.runtime} {options.precision}: {folder}, {size}, converted in {artifact.seconds:.1f} s")
    print(
        f"{report.converted:.1%} of the operations in {report.engines} engine{'s' * (report.engines != 1)}; "
        f"{sum(report.before.values())} operations before, {sum(report.after.values())} after"
    )
    return 0


def _copied(folder: Path, target: Path) -> Path:
    """``target``, a copy of the folder; there whole or not at all."""
    try:
        shutil.copytree(folder, target)
    except BaseException as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, shutil.Error):  # a list of what could not be copied, and why
            raise OSError(f"cannot write {target}: {error.args[0][0][2]}") from error
        raise
    return target
