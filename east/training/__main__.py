"""``python -m east.training``: fit, export, synth."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..commands.console import run_command
from .configs import CONFIGS

if TYPE_CHECKING:
    from .config import Config
    from .synth.scene import Material


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m east.training",
        description="Trains the detector. KERAS_BACKEND=jax trains on JAX, which is the faster on an accelerator.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_fit(commands)
    _add_export(commands)
    _add_synth(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show a traceback when something fails")
    return run_command(parser, argv)


def _add_fit(commands: Any) -> None:
    parser = commands.add_parser("fit", help="train, or go on with a run that was stopped")
    parser.add_argument(
        "--config", required=True, choices=sorted(CONFIGS), help="what to do: see east/training/configs.py"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="the run's folder; a checkpoint in it is taken up"
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help="training pictures, each with its gt_<name>.txt")
    parser.add_argument("--numbers", type=_range, metavar="A-B", help="train on img_A … img_B only")
    parser.add_argument("--validate", metavar="DIR|A-B", help="score on this folder, or on these numbers of --data")
    parser.add_argument("--initial", metavar="WEIGHTS", help="start from: a name, a bundle (.npz) or a TF1 checkpoint")
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="accelerators to share each batch (JAX)")
    parser.add_argument("--protocol", default="eval.protocol", metavar="MODULE", help="scores the validation")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="change one number of the configuration, like steps=100 or recipe.augmentation.crop=640",
    )  # fmt: skip
    _add_material(parser)
    parser.set_defaults(run=_fit)


def _add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="write weights as a bundle or as a TensorFlow 1 checkpoint")
    parser.add_argument("weights", metavar="WEIGHTS", help="a name, a bundle (.npz) or a TF1 checkpoint")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write a bundle (.npz)")
    parser.add_argument("--checkpoint", type=Path, metavar="PREFIX", help="write a TensorFlow 1 checkpoint")
    parser.set_defaults(run=_export)


def _add_synth(commands: Any) -> None:
    parser = commands.add_parser("synth", help="write synthetic pictures to look at, and their ground truth")
    parser.add_argument("--count", type=int, default=20, metavar="N")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--config", default="icdar2015", choices=sorted(CONFIGS), help="whose pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draw", action="store_true", help="draw the words' quads: green legible, red ignored")
    parser.add_argument("--data", type=Path, metavar="DIR", help="training pictures to put text on and take words from")
    parser.add_argument("--numbers", type=_range, metavar="A-B", help="of these, img_A … img_B only")
    _add_material(parser)
    parser.set_defaults(run=_synth)


def _add_material(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what synthetic text is made of")
    group.add_argument("--fonts", type=Path, metavar="DIR", help="typefaces; Matplotlib's few when left out")
    group.add_argument("--words", type=Path, metavar="DIR", help="word lists (.txt); made-up words when left out")
    group.add_argument(
        "--backgrounds", type=Path, metavar="DIR", help="pictures without text; plain walls when left out"
    )
    group.add_argument("--processes", type=int, default=2, metavar="N", help="that draw synthetic text")


def _fit(args: argparse.Namespace) -> int:
    from weights import resolve

    from .data import read_folder
    from .fit import Machine, fit, starting_variables
    from .validate import Validation

    config = changed(CONFIGS[args.config](), args.set)
    if args.data is None and config.synthetic < 1:
        raise ValueError(f"configuration {config.name} trains on pictures: name their folder with --data")
    examples = read_folder(args.data, numbers=args.numbers) if args.data else []
    material = _material(args, config, examples) if config.synthetic else None
    if args.validate:
        held = (
            read_folder(args.validate)
            if Path(args.validate).is_dir()
            else read_folder(args.data, numbers=_range(args.validate))
        )
    else:
        held = _sample_scenes(config, material, args.out / "validation") if material and not examples else []
    initial = args.initial or config.initial
    fit(
        config,
        args.out,
        examples,
        material=material,
        validation=Validation(held, config.evaluation, args.protocol) if held else None,
        variables=starting_variables(resolve(initial), fresh_heads=config.fresh_heads) if initial else None,
        machine=Machine(args.devices, args.processes),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    return 0


def _export(args: argparse.Namespace) -> int:
    from weights import resolve

    from ..model.checkpoint import read_variables, write_bundle, write_checkpoint

    if not args.bundle and not args.checkpoint:
        raise ValueError("nothing to write: give --bundle, --checkpoint or both")
    variables = read_variables(resolve(args.weights))
    if args.bundle:
        write_bundle(args.bundle, variables)
    if args.checkpoint:
        write_checkpoint(args.checkpoint, variables)
    return 0


def _synth(args: argparse.Namespace) -> int:
    from .data import read_folder
    from .synth.samples import write_samples

    config = CONFIGS[args.config]()
    examples = read_folder(args.data, numbers=args.numbers) if args.data else []
    write_samples(args.out, args.count, args.seed, _material(args, config, examples), config.scenes, draw=args.draw)
    return 0


def _sample_scenes(config: Config, material: Material, folder: Path, count: int = 16) -> list[Any]:
    """Pictures of another seed, to validate a run that sees synthetic ones only."""
    from .data import read_folder
    from .synth.samples import write_samples

    write_samples(folder, count, config.seed + 1, material, config.scenes)
    return read_folder(folder)


def _material(args: argparse.Namespace, config: Config, examples: Sequence[Any]) -> Material:
    from .synth.backgrounds import Backgrounds, Donors
    from .synth.fonts import Fonts
    from .synth.scene import Material
    from .synth.words import Vocabulary

    donors = Donors(examples) if examples else None
    return Material(Fonts(args.fonts), Vocabulary(args.words), Backgrounds(args.backgrounds), donors)


def changed(config: Config, settings: Sequence[str]) -> Config:
    """A configuration with ``NAME=VALUE`` settings applied; names of nested parts are joined by dots.

    Raises: ValueError for a name that is not there or a value that does not fit it.
    """
    for setting in settings:
        name, _, value = setting.partition("=")
        config = _changed(config, name.split("."), value, setting)
    return config


def _changed(part: Any, names: list[str], value: str, setting: str) -> Any:
    fields = {field.name for field in dataclasses.fields(part)}
    if names[0] not in fields:
        raise ValueError(f"--set {setting}: there is no {names[0]!r}, only {', '.join(sorted(fields))}")
    old = getattr(part, names[0])
    if len(names) > 1 and dataclasses.is_dataclass(old):
        return dataclasses.replace(part, **{names[0]: _changed(old, names[1:], value, setting)})
    return dataclasses.replace(part, **{names[0]: _parsed(value, old, setting)})


def _parsed(value: str, old: Any, setting: str) -> Any:
    try:
        if isinstance(old, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(old, tuple):
            return tuple(type(o)(v) for o, v in zip(old, value.split(","), strict=True))
        return type(old)(value) if old is not None else value
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"--set {setting}: expected something like {old!r}") from None


def _range(text: str) -> range:
    first, dash, last = text.partition("-")
    if not dash or not first.isdigit() or not last.isdigit():
        raise argparse.ArgumentTypeError(f"expected A-B, like 1-800, got {text!r}")
    return range(int(first), int(last) + 1)


if __name__ == "__main__":
    sys.exit(main())
