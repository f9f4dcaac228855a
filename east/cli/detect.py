"""``east detect``: images, folders or standard input in, words out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import one_line, progress, refuse_closed_output
from ..flags import add_options, add_pdf_dpi, add_stream_options, options_from, stream_options_from
from ..outputs import Output, check_outputs
from .formats import DETECTED, EACH, format_for
from .inputs import InputImage, find_images

if TYPE_CHECKING:
    from ..detections import Detections
    from ..images.pdf import PdfPage
    from ..options import DetectorOptions, ReadingOptions
    from .output import Writer


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "detect",
        help="find the words in images",
        description="Finds the words in images. An image that cannot be used, or is not there, is named on "
        "stderr and the others go on; the exit status is then 1.",
    )
    add_inputs(parser)
    add_output(parser, DETECTED)
    add_options(parser)
    parser.set_defaults(run=run)


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """Adds what says which images to read."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IMAGE_OR_DIR",
        help="files, folders, patterns in quotes, PDFs with the extra pdf, or - for standard input",
    )
    add_pdf_dpi(parser)
    add_stream_options(parser)


def add_output(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Adds what says what to write and where; the first of the formats is what is written to no file."""
    output = parser.add_argument_group("output")
    output.add_argument("--format", choices=formats, help=f"default: by the ending of --output, else {formats[0]}")
    parser.set_defaults(formats=formats)
    output.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="file to write instead of standard output; with several images a folder for the formats that have a file "
        f"for each ({', '.join(one for one in formats if one in EACH)})",
    )
    output.add_argument("--draw", type=Path, metavar="DIR", help="write each image with its boxes drawn")
    output.add_argument("--crops", type=Path, metavar="DIR", help="write each word, cut out and rectified")


def run(
    args: argparse.Namespace,
    load_reader: Callable[[int | None, bool], Callable[[Detections], Detections]] | None = None,
    reading: ReadingOptions | None = None,
) -> int:
    """Detects, writes, and returns 1 if any image could not be used.

    ``load_reader`` gives what reads the words, of a command that has them read; called once all else is checked, and
    told the detector's threads and whether there are several images. ``reading`` is how.
    """
    from .output import Writer, save_crops, save_drawing

    written = [folder for folder in (args.draw, args.crops) if folder is not None]
    sources, errors = find_images(args.inputs, written, pdf_dpi=args.pdf_dpi)
    if not sources and len(errors) == 1:
        raise errors[0]
    options, failures, total = options_from(args, reading), len(errors), len(sources) + len(errors)
    several = total > 1
    form = args.format or format_for(args.output, args.formats, several=several)
    writer = Writer(form, args.output, several=several, texts=load_reader is not None)
    check_outputs(_outputs(args, writer, sources), _inputs(sources, options))

    if args.output is None and not written:
        refuse_closed_output("give --output PATH")
    for error in errors:
        print(f"east: error: {one_line(error)}", file=sys.stderr)
    if not sources:
        return 1

    from ..detector import TextDetector

    read = load_reader(options.threads, several) if load_reader is not None else None
    with TextDetector.from_options(options) as detector, writer:
        keep = bool(written) or form == "png" or load_reader is not None
        results = detector.stream(
            map(partial(_image, options), sources), keep_image=keep, **vars(stream_options_from(args))
        )
        stream = zip(sources, results, strict=True)
        for source, found in progress(stream, total=len(sources), unit="image", description=args.command):
            if isinstance(found, Exception):
                failures += 1
                print(f"east: error: {_what_is_wrong(source, found)}", file=sys.stderr)
                continue
            result = found if read is None else read(found)
            writer.add(source, result)
            if args.draw is not None:
                save_drawing(args.draw, source, result)
            if args.crops is not None:
                save_crops(args.crops, source, result)
    if failures:
        print(f"east: {failures} of {total} images could not be used", file=sys.stderr)
    return 1 if failures else 0


def _what_is_wrong(source: InputImage, error: Exception) -> str:
    """In one line that begins with what the image is called on the command line."""
    from ..images.decoding import ManyPagesError

    place = "standard input" if source.path is None else str(source.path)
    if isinstance(error, ManyPagesError):
        return f"{place}: a PDF of several pages: name a file that ends in .pdf, and each is read"
    return one_line(error) if source.path is not None else f"{place}: {one_line(error)}"  # others begin with the path


def _outputs(args: argparse.Namespace, writer: Writer, sources: list[InputImage]) -> Iterator[Output]:
    from .output import crops, drawings

    yield from writer.outputs(sources)
    if args.draw is not None:
        yield from drawings(args.draw, sources)
    if args.crops is not None:
        yield from crops(args.crops, sources)


def _inputs(sources: list[InputImage], options: DetectorOptions) -> Iterator[Path]:
    from ..runtimes.inputs import files_read

    yield from (source.path or Path("/dev/stdin") for source in sources)
    yield from files_read(options)


def _image(options: DetectorOptions, source: InputImage) -> Path | PdfPage | bytes:
    if source.path is not None:
        return source.page or source.path
    from ..images.decoding import most_bytes, read_at_most

    return read_at_most(sys.stdin.buffer, most_bytes(options.max_pixels))
