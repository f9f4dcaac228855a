"""``python -m east.training`` and ``east train``: fit, score, export, mean, synth."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import Commands, make_parser, run_command
from ..errors import UsageError
from ..flags import add_options, options_from, positive
from ..options import DEFAULTS
from ..outputs import Output, check_folder, check_outputs
from .config import Config, override
from .presets import CONFIGS

if TYPE_CHECKING:
    from .data.dataset import Example
    from .synth.scene import Material


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    description = "Trains the detector. KERAS_BACKEND=jax trains on JAX, which is the faster on an accelerator."
    parser = make_parser("python -m east.training", description, [add_commands])
    parser.set_defaults(needs="train")
    return run_command(parser, argv)


def add_commands(commands: Commands) -> None:
    """Adds the commands to argparse's subparsers."""
    _add_fit(commands)
    _add_score(commands)
    _add_export(commands)
    _add_mean(commands)
    _add_synth(commands)


def _add_fit(commands: Commands) -> None:
    parser = commands.add_parser("fit", help="train, or go on with a run that was stopped")
    parser.add_argument(
        "--config", required=True, choices=sorted(CONFIGS), help="what to do: see east/training/presets.py"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="the run's folder; resumes from a checkpoint in it"
    )
    parser.add_argument(
        "--validate", type=_folder_or_range, metavar="DIR|A-B", help="score on this folder, or on these of --data"
    )
    parser.add_argument("--initial", metavar="WEIGHTS", help="start from: a name, a bundle (.npz) or a TF1 checkpoint")
    parser.add_argument("--devices", type=positive, default=1, metavar="N", help="accelerators to share the work (JAX)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="change one setting of the configuration, like steps=100 or recipe.augmentation.crop=640",
    )  # fmt: skip
    _add_kinds(parser, 0)
    _add_data(parser)
    parser.set_defaults(run=_fit)


def _add_score(commands: Commands) -> None:
    parser = commands.add_parser("score", help="score the detector on kinds of text that a benchmark has too few of")
    parser.add_argument("--data", type=Path, metavar="DIR", help="photographs that it was not trained on, to be turned")
    parser.add_argument("--gt", type=Path, metavar="DIR", help="folder of their gt_<name>.txt, if not beside them")
    parser.add_argument("--numbers", type=_range, metavar="A-B", help="take img_A … img_B of them only")
    _add_kinds(parser, 4)
    add_options(parser)
    parser.set_defaults(run=_score)


def _add_kinds(parser: argparse.ArgumentParser, default: int) -> None:
    parser.add_argument(
        "--kinds", type=_count, default=default, metavar="N",
        help="score on N drawn pages of each kind of text, and on N of the photographs, enlarged and turned "
        f"(default: {default})",
    )  # fmt: skip


def _add_export(commands: Commands) -> None:
    parser = commands.add_parser("export", help="write weights as a bundle or as a TensorFlow 1 checkpoint")
    parser.add_argument("weights", metavar="WEIGHTS", help="a name, a bundle (.npz) or a TF1 checkpoint")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write a bundle (.npz)")
    parser.add_argument("--checkpoint", type=Path, metavar="PREFIX", help="write a TensorFlow 1 checkpoint")
    default = DEFAULTS.score_threshold
    parser.add_argument(
        "--best-threshold", type=float, default=default, metavar="T",
        help=f"score threshold at which they are best, by validation: scores are moved so that it becomes {default}",
    )  # fmt: skip
    parser.add_argument(
        "--temperature", type=float, default=1.0, metavar="T",
        help="divide the scores' logits by this, around that threshold",
    )  # fmt: skip
    parser.set_defaults(run=_export)


def _add_mean(commands: Commands) -> None:
    parser = commands.add_parser("mean", help="write the mean of weights and of what they became by further training")
    for name in ("first", "second"):
        parser.add_argument(name, metavar="WEIGHTS", help="a name, a bundle (.npz) or a TF1 checkpoint")
    parser.add_argument("--share", type=float, default=0.5, metavar="X", help="of the second, 0..1 (default: 0.5)")
    parser.add_argument("--bundle", required=True, type=Path, metavar="FILE", help="write a bundle (.npz)")
    parser.set_defaults(run=_mean)


def _add_synth(commands: Commands) -> None:
    parser = commands.add_parser("synth", help="write synthetic pictures to look at, and their ground truth")
    parser.add_argument("--count", type=positive, default=20, metavar="N")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config", default="icdar2015", choices=sorted(CONFIGS), help="whose pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", action="store_true", help="draw the words' quads: green legible, red ignored")
    _add_data(parser)
    parser.set_defaults(run=_synth)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", help="training pictures, each with its gt_<name>.txt")
    parser.add_argument("--gt", type=Path, metavar="DIR", help="folder of the gt_<name>.txt, if not beside them")
    parser.add_argument("--numbers", type=_range, metavar="A-B", help="take img_A … img_B of them only")
    group = parser.add_argument_group("what synthetic text is made of")
    group.add_argument("--fonts", type=Path, metavar="DIR", help="typefaces; Matplotlib's few when left out")
    group.add_argument("--words", type=Path, metavar="DIR", help="word lists (.txt); made-up words when left out")
    group.add_argument(
        "--backgrounds", type=Path, metavar="DIR", help="pictures without text; plain walls when left out"
    )
    group.add_argument("--processes", type=positive, default=2, metavar="N", help="that draw synthetic text")


def _fit(args: argparse.Namespace) -> int:
    config = CONFIGS[args.config]()
    try:
        config = override(dataclasses.replace(config, initial=args.initial or config.initial), args.set)
        config.check()
    except ValueError as error:
        raise UsageError(str(error)) from error
    if args.data is None and (config.synthetic < 1 or isinstance(args.validate, range)):
        raise UsageError(f"configuration {config.name} wants pictures: name their folder with --data")

    _keep_what_is_read(args, args.validate if isinstance(args.validate, Path) else None, config.initial)

    from .loop.fit import fit
    from .loop.validate import Validation
    from .validation import cases
    from .validation.kinds import kinds_of_text

    examples = _examples(args)
    material = _material(args, examples) if config.synthetic else None
    held_out = _held_out(args, config, material)
    photographs = cases.photographs(held_out)
    kinds = kinds_of_text(held_out, args.kinds)
    fit(
        config,
        args.out,
        examples,
        material=material,
        validation=Validation(photographs, config.evaluation) if photographs else None,
        kinds=Validation(kinds, config.evaluation) if kinds else None,
        devices=args.devices,
        processes=args.processes,
        report=lambda line: print(line, file=sys.stderr, flush=True),
    )
    return 0


def _score(args: argparse.Namespace) -> int:
    from ..detector import TextDetector
    from .data.dataset import read_folder
    from .validation.cases import table
    from .validation.kinds import kinds_of_text, score_kinds

    examples = read_folder(args.data, args.gt, numbers=args.numbers) if args.data else []
    kinds = kinds_of_text(examples, args.kinds)
    if not kinds:
        raise UsageError("nothing to score on: give --kinds a number above 0")
    with TextDetector.from_options(options_from(args)) as detector:
        found = score_kinds(detector, kinds)
        print(f"{detector.weights}, {detector.runtime.name} {detector.runtime.precision}\n\n{table(found)}", end="")
    return 0


def _export(args: argparse.Namespace) -> int:
    if not args.bundle and not args.checkpoint:
        raise UsageError("nothing to write: give --bundle, --checkpoint or both")

    from ..model.checkpoint import checkpoint_files, read_variables, write_bundle, write_checkpoint
    from ..model.source import model_files
    from ..model.weights import resolve
    from .loop.score_calibration import calibrate_scores

    outputs = [Output("--bundle", args.bundle)] if args.bundle else []
    if args.checkpoint:
        outputs += [Output("--checkpoint", path) for path in checkpoint_files(args.checkpoint)]
    check_outputs(outputs, model_files(args.weights))
    variables = read_variables(resolve(args.weights))
    try:
        variables = calibrate_scores(variables, args.best_threshold, args.temperature)
    except ValueError as error:
        raise UsageError(str(error)) from error
    if args.bundle:
        write_bundle(args.bundle, variables)
    if args.checkpoint:
        write_checkpoint(args.checkpoint, variables)
    return 0


def _mean(args: argparse.Namespace) -> int:
    from ..model.checkpoint import read_variables, write_bundle
    from ..model.source import model_files
    from ..model.weights import resolve
    from .loop.averaging import mean_weights

    both = (args.first, args.second)
    check_outputs([Output("--bundle", args.bundle)], [file for weights in both for file in model_files(weights)])
    first, second = (read_variables(resolve(weights)) for weights in both)
    try:
        variables = mean_weights(first, second, args.share)
    except ValueError as error:
        raise UsageError(str(error)) from error
    write_bundle(args.bundle, variables)
    return 0


def _synth(args: argparse.Namespace) -> int:
    from .synth.scene import write_scenes

    _keep_what_is_read(args)
    scenes, material = CONFIGS[args.config]().scenes, _material(args, _examples(args))
    write_scenes(args.out, args.count, args.seed, material, scenes, draw=args.draw)
    return 0


def _keep_what_is_read(args: argparse.Namespace, validate: Path | None = None, initial: str | None = None) -> None:
    """Raises `UsageError` if the folder to write to is one that is read, or holds the weights to start from."""
    from ..model.source import model_files

    read = {name: getattr(args, name) for name in ("data", "gt", "fonts", "words", "backgrounds")}
    check_folder("--out", args.out, [*((f"--{name}", path) for name, path in read.items()), ("--validate", validate)])
    folders = {file.resolve().parent for file in (model_files(initial) if initial else ())}
    check_folder("--out", args.out, [("--initial", folder) for folder in folders])


def _examples(args: argparse.Namespace) -> list[Example]:
    from .data.dataset import read_folder

    return read_folder(args.data, args.gt, numbers=args.numbers) if args.data else []


def _held_out(args: argparse.Namespace, config: Config, material: Material | None, count: int = 16) -> list[Example]:
    """What to validate on: what was asked for; or for a run that sees synthetic pictures only, more of their kind."""
    from .data.dataset import read_folder
    from .synth.scene import write_scenes

    if isinstance(args.validate, range):
        return read_folder(args.data, args.gt, numbers=args.validate)
    if args.validate:
        return read_folder(args.validate)
    if material is None or args.data:
        return []
    folder = args.out / "validation"
    write_scenes(folder, count, config.seed + 1, material, config.scenes)
    return read_folder(folder)


def _material(args: argparse.Namespace, examples: Sequence[Example]) -> Material:
    from .synth.backgrounds import Backgrounds
    from .synth.donors import Donors
    from .synth.fonts import Fonts
    from .synth.scene import Material
    from .synth.words import Vocabulary

    donors = Donors(examples) if examples else None
    backgrounds = Backgrounds(args.backgrounds, left_out=[args.out])
    return Material(Fonts(args.fonts), Vocabulary(args.words), backgrounds, donors)


def _range(text: str) -> range:
    first, dash, last = text.partition("-")
    if not dash or not first.isdecimal() or not last.isdecimal() or int(first) > int(last):
        raise argparse.ArgumentTypeError(f"expected A-B, like 1-800, got {text!r}")
    return range(int(first), int(last) + 1)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of pictures, got {text!r}")
    return int(text)


def _folder_or_range(text: str) -> Path | range:
    return _range(text) if re.fullmatch(r"\d+-\d+", text) else Path(text)
