"""``east detect``: images, folders or standard input in, words out."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ..console import one_line, progress
from ..files import IMAGE_SUFFIXES
from .options import add_detector_options, detector_from

_log = logging.getLogger(__name__)


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
    """One image to read.

    path: to read it from, None for standard input. name: what it is called in results. stem: path, in the folders
    that are written to, of the files about it, without a suffix. No two images share a name or a stem.
    """

    path: Path | None
    name: str
    stem: str


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
            writer.add(source, found)
            if args.draw is not None:
                save_drawing(args.draw, source, found)
            if args.crops is not None:
                save_crops(args.crops, source, found)
    if failures:
        print(f"east: {failures} of {len(sources)} images could not be used", file=sys.stderr)
    return 1 if failures else 0


def _image(source: Source) -> Path | bytes:
    return sys.stdin.buffer.read() if source.path is None else source.path


def find_images(inputs: list[str]) -> list[Source]:
    """The images meant by the arguments; a folder stands for the image files in it, sorted by name.

    Raises ``OSError`` for a file that is missing or a folder that cannot be read, and ``ValueError`` for a folder
    without images, before anything is computed.
    """
    names: dict[str, int] = {}
    stems: dict[str, int] = {}
    sources = []
    for path, wanted in (found for text in inputs for found in _expand(text)):
        name = _unique(wanted, names)
        sources.append(Source(path, name, _unique(str(Path(name).with_suffix("")), stems)))
    return sources


def _expand(text: str) -> Iterator[tuple[Path | None, str]]:
    """Paths and names."""
    if text == "-":
        yield None, "stdin"
        return
    path = Path(text)
    if not text or not path.exists():
        raise FileNotFoundError(2, "no such file", text or "''")
    if not path.is_dir():
        yield path, path.name
        return
    files = sorted(p for p in _walk(path) if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
    if not files:
        raise ValueError(f"{text}: no images in this folder ({', '.join(sorted(IMAGE_SUFFIXES))})")
    for file in files:
        yield file, file.relative_to(path).as_posix()


def _walk(folder: Path) -> Iterator[Path]:
    def failed(error: OSError) -> None:
        if error.filename == str(folder):
            raise error
        _log.warning("%s; its images are left out", one_line(error))

    for place, _, names in os.walk(folder, onerror=failed):
        yield from (Path(place, name) for name in names)


def _unique(name: str, taken: dict[str, int]) -> str:
    """``name``, or if it is taken ``name-2`` and so on; ``taken`` counts the names given."""
    path, unique = Path(name), name
    while unique in taken:
        taken[name] += 1
        unique = str(path.with_name(f"{path.stem}-{taken[name]}{path.suffix}"))
    taken[unique] = 1
    return unique
