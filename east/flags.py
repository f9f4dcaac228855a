"""The flags of the command line, derived from `east.options`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from .errors import UsageError
from .option_fields import Leaf, from_paths, leaves
from .options import (
    DEFAULTS,
    PDF_DPI,
    READING_SCORE_THRESHOLD,
    DetectorOptions,
    ReadingOptions,
    StreamOptions,
    check_dpi,
)

CONVERSION = frozenset(
    [
        *("weights", "nodes", "runtime", "precision", "device", "threads", "tf32"),
        *("gpu_memory_fraction", "input_size", "calibration", "tftrt", "tensorrt", "onnx"),
    ]
)
"""The options, or groups of them, that decide what a model is converted to."""

PAIRED = frozenset(["tftrt", "tensorrt", "onnx"])
"""The groups of options that have one flag for all, ``--tftrt NAME=VALUE``, where a command does not spell them out."""

_LEAVES = {leaf.path: leaf for leaf in leaves(DetectorOptions)}


def add_options(
    parser: argparse.ArgumentParser,
    only: Collection[str] = (),
    *,
    without: Collection[str] = (),
    spelled_out: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Adds a flag for every option of the detector; `options_from` collects what the user gives.

    Args:
        parser: of a command.
        only: names of the options, or groups of options, to add; all by default.
        without: names of those to leave out.
        spelled_out: groups that get a flag for each option where they have one flag for all, ``--tftrt NAME=VALUE``.
        defaults: of this command, where they are not `DetectorOptions`'; for the help alone.
    """
    sections: dict[str, Any] = {}
    for leaf in _LEAVES.values():
        name = leaf.path[0]
        if (only and name not in only) or name in without:
            continue
        if leaf.section not in sections:
            sections[leaf.section] = parser.add_argument_group(leaf.section)
            if name in PAIRED and name not in spelled_out:
                _add_pairs(sections[leaf.section], name)
        if name not in PAIRED or name in spelled_out:
            _add_flag(sections[leaf.section], leaf, (defaults or {}).get(name, leaf.default))


def add_reading_options(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> Any:
    """Adds a flag for each of the `ReadingOptions`; `reading_options_from` collects what the user gives.

    Returns the group of flags, for a command's own; ``without`` are the names of options to leave out.
    """
    group = parser.add_argument_group("reading")
    for leaf in _READING.values():
        if leaf.name not in without:
            _add_flag(group, leaf, leaf.default)
    return group


def add_pdf_dpi(parser: argparse.ArgumentParser) -> None:
    """Adds the resolution of pages of PDFs."""
    parser.add_argument(
        "--pdf-dpi",
        type=argument_type(_resolution),
        default=PDF_DPI,
        metavar="DPI",
        help=f"pixels per inch that pages of PDFs are rendered at (default: {PDF_DPI:g})",
    )


def _resolution(text: str) -> float:
    if not text.replace(".", "", 1).isdecimal():
        raise ValueError(f"must be a number, got {text!r}")
    check_dpi(dpi := float(text))
    return dpi


def add_stream_options(parser: argparse.ArgumentParser) -> None:
    """Adds a flag for each of the `StreamOptions`; `stream_options_from` collects what the user gives."""
    group = parser.add_argument_group("stream")
    for leaf in _STREAM.values():
        _add_flag(group, leaf, leaf.default)


def add_read(parser: argparse.ArgumentParser, help: str) -> None:
    """Adds ``--read`` with the `ReadingOptions` of the recogniser it names; `read_options_from` collects them."""
    group = add_reading_options(parser, without=["recogniser"])
    known = _READING[_destination(("recogniser",))].choices
    told = f"{help}, by {' or '.join(known)}; --score-threshold is then {READING_SCORE_THRESHOLD} where it is not given"
    group.add_argument("--read", choices=known, metavar="NAME", help=told)


def options_from(args: argparse.Namespace, reading: ReadingOptions | None = None, **defaults: Any) -> DetectorOptions:
    """The options that the flags of `add_options` give, beside a command's own ``defaults``. Raises `UsageError`.

    ``reading`` is how the words are to be read, if they are.
    """
    given = {path: value for path, value in vars(args).items() if path in _DESTINATIONS}
    wanted = defaults if reading is None else {**defaults, **reading.looks_for()}
    values: dict[tuple[str, ...], Any] = {(name,): value for name, value in wanted.items()}
    try:
        return from_paths(DetectorOptions, values | {_DESTINATIONS[path]: value for path, value in given.items()})
    except ValueError as error:
        raise UsageError(str(error)) from error


def reading_options_from(args: argparse.Namespace) -> ReadingOptions:
    """The options that the flags of `add_reading_options` give."""
    given = {name: value for name, value in vars(args).items() if name in _READING}
    options = from_paths(ReadingOptions, {_READING[name].path: value for name, value in given.items()})
    return options.suited_to(getattr(args, _destination(("scoring",)), DEFAULTS.scoring))


def stream_options_from(args: argparse.Namespace) -> StreamOptions:
    """The options that the flags of `add_stream_options` give."""
    given = {name: value for name, value in vars(args).items() if name in _STREAM}
    return from_paths(StreamOptions, {_STREAM[name].path: value for name, value in given.items()})


def read_options_from(args: argparse.Namespace) -> ReadingOptions | None:
    """The options that the flags of `add_read` give; None where nothing is to be read. Raises `UsageError`."""
    given = [name for name in _READING if name in vars(args)]
    if args.read is None:
        if given:
            raise UsageError(f"--{_READING[given[0]].name.replace('_', '-')} needs --read")
        return None
    return replace(reading_options_from(args), recogniser=args.read)


def argument_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A function that raises ``ValueError`` with a message, as argparse wants it to be said in its own."""

    def parsed(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parsed


def positive(text: str) -> int:
    """Parses a whole number of at least 1, for flags that are no options of the detector."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, got {text!r}")
    return int(text)


def option_type(name: str) -> Callable[[str], Any]:
    """Parses what the option of that name takes, for flags that take several values of it."""
    return argument_type(_LEAVES[name,].parsed)


def _destination(path: tuple[str, ...]) -> str:
    """Where argparse puts an option: apart from what a command calls its own flags."""
    return ".".join(("options", *path))


_DESTINATIONS = {_destination(path): path for path in _LEAVES}
_READING = {_destination(leaf.path): leaf for leaf in leaves(ReadingOptions)}
_STREAM = {_destination(leaf.path): leaf for leaf in leaves(StreamOptions)}


def _add_flag(group: Any, leaf: Leaf, default: Any) -> None:
    names = [leaf.about.flag or f"--{leaf.name.replace('_', '-')}", *filter(None, [leaf.about.alias])]
    told = leaf.about.help
    if default is not None and "default:" not in told:
        told += f" (default: {_shown(default)})"
    common = {"dest": _destination(leaf.path), "default": argparse.SUPPRESS, "help": told}
    if leaf.kind is bool:
        group.add_argument(*names, action=argparse.BooleanOptionalAction, **common)
        return
    group.add_argument(
        *names,
        type=argument_type(leaf.parsed_one if leaf.several else leaf.parsed),
        nargs="+" if leaf.several else None,
        metavar=leaf.metavar,
        **common,
    )


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return " ".join(map(str, default)) if type(default) is tuple else str(default)


def _add_pairs(group: Any, name: str) -> None:
    """Adds one flag for all options of a group; what it is given goes where a flag of its own would put it."""
    inside = {leaf.name: leaf for path, leaf in _LEAVES.items() if path[0] == name}

    class Pairs(argparse.Action):
        def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
            option, _, text = values.partition("=")
            if option not in inside:
                known = ", ".join(inside)
                raise argparse.ArgumentError(self, f"must be NAME=VALUE, the name one of {known}; got {values!r}")
            try:
                setattr(namespace, _destination((name, option)), inside[option].parsed(text))
            except ValueError as error:
                raise argparse.ArgumentError(self, f"{option} {error}") from None

    group.add_argument(
        f"--{name}",
        action=Pairs,
        default=argparse.SUPPRESS,
        metavar="NAME=VALUE",
        help=f"may be given several times; names: {', '.join(inside)}; 'east convert --help' tells what they mean",
    )
