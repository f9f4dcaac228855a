"""``east calibrate``: the ranges of INT8 for a set of weights, measured on images."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..flags import add_options, options_from
from ..outputs import Output, check_outputs


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "calibrate",
        help="measure the ranges of INT8 for weights, on images like those they are for",
        description="Measures which values the network's tensors take on images, and puts that on record beside the "
        "weights, where every INT8 finds it from then on. Where there is a record already, another is measured only on "
        "images that are named; those of bundled weights are kept, and hold again once the new file is deleted.",
    )
    add_options(parser, ["weights", "nodes", "calibration"])
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.npz",
        help="write the record there instead; --calibration takes it (default: where INT8 of these weights finds it)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measures, writes the record, and prints one line about it."""
    from ..errors import UsageError
    from ..model.source import ModelSource, model_files
    from ..model.weights import ranges_places
    from ..runtimes.conversion.calibration import calibration_files, find_images

    options = options_from(args)
    if args.output is not None and args.output.suffix != ".npz":
        raise UsageError(f"--output must end in .npz, got {args.output}")
    source = ModelSource.find(options.weights, options.nodes)
    places = ranges_places(source.path)
    known = [place for place in places if _is_of(place, source.sha256)]
    if known and args.output is None and options.calibration.source is None:
        raise UsageError(
            f"{source.name} has a record already, {known[0]}: name images like those the weights are for "
            "(--calibration DIR) to measure another, or the file to write (--output FILE.npz)"
        )
    path = args.output or places[0]
    read = [*model_files(source.path), *calibration_files(options.calibration)]
    check_outputs([Output("--output" if args.output else "the record", path)], read)
    images = find_images(options.calibration)
    from ..runtimes.conversion.measuring import measure

    ranges = measure(source.freeze(), images, source.sha256)
    ranges.save(path)
    print(f"{path}: {len(ranges.activations)} tensors and {len(ranges.peaks)} convolutions of {source.name}, {images}")
    if known and args.output is None:
        others = [place for place in known if place != path]
        back = f"delete it to go back to {others[0]}" if others else "it replaced the one that was there"
        print(f"INT8 of {source.name} takes {path} from now on; {back}")
    return 0


def _is_of(path: Path, sha256: str) -> bool:
    """Whether a record is there that is of these weights; one that is damaged is of none."""
    from ..errors import CalibrationError
    from ..model.ranges import Ranges

    try:
        return path.is_file() and Ranges.load(path).weights_sha256 == sha256
    except CalibrationError:
        return False
