"""``east detect``: images, folders or standard input in, words out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..files import IMAGE_SUFFIXES
from .console import one_line, progress
from .options import add_detector_options, detector_from


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "detect",
        help="find the words in images",
        description="Finds the words in images. An image that cannot be used is named on stderr and the others "
        "go on; the exit status is then 1.",
    )
    parser.add_argument("inputs", nargs="+", metavar="IMAGE_OR_DIR", help="files, folders, or - for standard input")
    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=["json", "jsonl", "icdar", "csv"], default="json", help="default: json")
    output.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="file to write instead of standard output; with --format icdar and several images a folder",
    )
    output.add_argument("--draw", type=Path, metavar="DIR", help="write each image with its boxes drawn")
    output.add_argument("--crops", type=Path, metavar="DIR", help="write each word, cut out and rectified")
    add_detector_options(parser)
    parser.set_defaults(run=run)


class Source(NamedTuple):
    """One image to read: ``path`` to read it from, None for standard input; ``name`` for outputs."""

    path: Path | None
    name: str


def run(args: argparse.Namespace) -> int:
    """Detects, writes, and returns 1 if any image could not be used."""
    from .output import Writer, save_crops, save_drawing

    sources = find_images(args.inputs)
    failures = 0
    writer = Writer(args.format, args.output, several=len(sources) > 1)
    with detector_from(args) as detector, writer:
        stream = zip(sources, detector.stream(map(_image, sources)), strict=True)
        for source, found in progress(stream, total=len(sources), unit="image", description="detect"):
            if isinstance(found, Exception):
                failures += 1
                place = "standard input: " if source.path is None else ""  # other messages begin with the path
                print(f"east: error: {place}{one_line(found)}", file=sys.stderr)
                continue
            writer.add(source.name, found)
            if args.draw is not None:
                save_drawing(args.draw, source.name, found)
            if args.crops is not None:
                save_crops(args.crops, source.name, found)
    if failures:
        print(f"east: {failures} of {len(sources)} images could not be used", file=sys.stderr)
    return 1 if failures else 0


def _image(source: Source) -> Path | bytes:
    return sys.stdin.buffer.read() if source.path is None else source.path


def find_images(inputs: list[str]) -> list[Source]:
    """The images meant by the arguments; a folder stands for the image files in it, sorted by name.

    Raises ``FileNotFoundError`` for a missing file and ``ValueError`` for a folder without images, before
    anything is computed.
    """
    sources = [source for text in inputs for source in _expand(text)]
    names: dict[str, int] = {}
    unique = []
    for source in sources:
        count = names[source.name] = names.get(source.name, 0) + 1
        path = Path(source.name)
        name = source.name if count == 1 else str(path.with_name(f"{path.stem}-{count}{path.suffix}"))
        unique.append(source._replace(name=name))
    return unique


def _expand(text: str) -> Iterator[Source]:
    if text == "-":
        yield Source(None, "stdin")
        return
    path = Path(text)
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(2, "no such file", text)
        yield Source(path, path.name)
        return
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise ValueError(f"{text}: no images in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
    for file in files:
        yield Source(file, file.relative_to(path).as_posix())
