"""Which images a job has: listed once, in one order, each once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from ..errors import ImageError, MissingPackageError, UsageError
from ..extras import missing_package
from ..files import IMAGE_SUFFIXES, is_uri
from ..folders import files_below, is_litter
from ..images.decoding import most_bytes
from ..images.listing import files_matching, is_pattern, missing, unreadable_pdfs, without_drawn
from ..images.pdf import SUFFIX as PDF
from ..images.pdf import pdf_pages
from ..options import DEFAULTS
from . import places

_PARQUET = frozenset([".parquet", ".pq"])
_TAKEN = IMAGE_SUFFIXES | _PARQUET | {PDF}


class Span(NamedTuple):
    """One image file, rows of one Parquet file, or pages of one PDF.

    Attributes:
        place: path or URI, as it was given or found.
        size: bytes of the file.
        start, stop: the rows or pages, from 0; -1 for an image file.
        column: of a Parquet file, which has the images.
    """

    place: str
    size: int
    start: int = -1
    stop: int = -1
    column: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is an image file."""
        return self.start < 0

    @property
    def is_pages(self) -> bool:
        """Whether it is pages of a PDF."""
        return not self.is_whole and not self.column

    @property
    def images(self) -> int:
        """Images."""
        return 1 if self.is_whole else self.stop - self.start

    def name(self, offset: int = 0) -> str:
        """What the image of that number is called in results."""
        if self.is_pages:
            return f"{self.place}#page={self.start + offset + 1}"
        return self.place if self.is_whole else f"{self.place}#{self.start + offset}"


class Shard(NamedTuple):
    """The images of one file of results.

    Attributes:
        number: from 0.
        first: number of its first image among all.
        spans: where they are, in order.
    """

    number: int
    first: int
    spans: tuple[Span, ...]

    @property
    def images(self) -> int:
        """Images."""
        return sum(span.images for span in self.spans)


def list_images(
    sources: Sequence[str], column: str | None, left_out: str = "", *, max_pixels: int = DEFAULTS.max_pixels
) -> list[Span]:
    """All images of some files, folders, patterns and URIs.

    They come in the order of the sources, and of a folder or pattern by name, so in the same order each time; one that
    is meant twice comes once. A folder is searched with those below it for image files, PDFs and Parquet files; hidden
    ones are left out.

    Args:
        sources: paths and URIs; a pattern has ``*``, ``?``, ``[…]``, or ``**`` for any folders.
        column: of Parquet files, as `BatchOptions.column`.
        left_out: a folder to leave out where it lies in a source: the one that is written to.
        max_pixels: of an image. A PDF behind a URI with more bytes than `most_bytes` of these counts as one image.

    Raises:
        OSError: a source that is not there or cannot be read.
        ValueError: one that has no images.
    """
    spans: dict[str, Span] = {}  # by what a place is called, however it is spelt
    for source in sources:
        found = [*_expand(source, left_out)]
        if not found:
            raise ValueError(f"{source}: no images here ({', '.join(sorted(_TAKEN))})")
        for place, size in found:
            name = places.normal(place)
            if name not in spans:
                spans[name] = _span(place, size, column, most_bytes(max_pixels))
    return [span for span in spans.values() if span.images]


def cut(spans: Iterable[Span], size: int) -> list[Shard]:
    """Shards of so many images each, the last one perhaps of fewer."""
    shards: list[Shard] = []
    some: list[Span] = []
    room, first = size, 0
    for span in (part for whole in spans for part in _parts(whole, size)):
        if span.images > room:
            shards.append(Shard(len(shards), first, tuple(some)))
            first += shards[-1].images
            some, room = [], size
        some.append(span)
        room -= span.images
    if some:
        shards.append(Shard(len(shards), first, tuple(some)))
    return shards


def digest(spans: Iterable[Span]) -> str:
    """SHA-256 of where all images are, and of how many bytes each file has."""
    sha = hashlib.sha256()
    for span in spans:
        sha.update(json.dumps(span).encode() + b"\n")
    return sha.hexdigest()


def _parts(span: Span, size: int) -> Iterator[Span]:
    if span.is_whole:
        yield span
        return
    for start in range(span.start, span.stop, size):
        yield span._replace(start=start, stop=min(start + size, span.stop))


def _expand(source: str, left_out: str) -> Iterator[places.Entry]:
    if is_uri(source):
        yield from _expand_uri(source, left_out)
        return
    path = Path(source)
    written = [Path(left_out)] if left_out and not is_uri(left_out) else []
    if source and path.is_dir():
        below = files_below(path, _TAKEN, written)
        left = unreadable_pdfs(source, below)
        files = without_drawn(source, [file for file in below if file not in left])
    elif source and path.exists():
        files = [path]
    elif is_pattern(source):
        inside = [folder.resolve() for folder in written]
        found = sorted(files_matching(source), key=str)
        if not found:
            raise missing(source)
        files = [one for one in found if not any(map(one.resolve().is_relative_to, inside))]
    else:
        raise missing(source)
    for file in files:
        yield places.Entry(file.as_posix(), file.stat().st_size if file.exists() else -1)  # a link may lead nowhere


def _expand_uri(source: str, left_out: str) -> Iterator[places.Entry]:
    """What is named is taken as it is, what was found below it only if it looks like what is wanted."""
    start, found = places.find(source)
    pattern = start != source
    below = {entry: PurePosixPath(entry.place.removeprefix(start).lstrip("/")) for entry in found}
    below = {entry: name for entry, name in below.items() if not any(map(is_litter, name.parts))}
    if pattern and not below:
        raise missing(source)
    written = f"{left_out.rstrip('/')}/" if left_out else None

    def is_wanted(entry: places.Entry, name: PurePosixPath) -> bool:
        is_own = written is not None and entry.place.startswith(written)
        return not is_own and (pattern or name.suffix.lower() in _TAKEN)

    kept = {entry: name for entry, name in below.items() if entry.place == source or is_wanted(entry, name)}
    left = frozenset() if pattern else unreadable_pdfs(source, kept.values())
    yield from (entry for entry, name in kept.items() if name not in left)


def _span(place: str, size: int, column: str | None, most: int) -> Span:
    suffix = PurePosixPath(place).suffix.lower()
    if suffix in _PARQUET:
        return _rows(place, size, column)
    return _pages(place, size, most) if suffix == PDF else Span(place, size)


def _pages(place: str, size: int, most: int) -> Span:
    """All pages of a PDF; of one that cannot be read a file, whose row has the error."""
    try:
        return Span(place, size, 0, len(pdf_pages(places.read_image(place, most) if is_uri(place) else place)))
    except (ImageError, MissingPackageError, OSError, ValueError):
        return Span(place, size)


def _rows(place: str, size: int, column: str | None) -> Span:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise missing_package(error, f"{place}: Parquet") from error

    try:
        with places.open_random(place) as file, pyarrow.parquet.ParquetFile(file) as parquet:
            return Span(place, size, 0, parquet.metadata.num_rows, _column(parquet.schema_arrow, column))
    except (pyarrow.ArrowInvalid, UsageError) as error:
        raise UsageError(f"{place}: {error}") from error


def _column(schema: Any, asked: str | None) -> str:
    import pyarrow

    kinds = {field.name: field.type for field in schema}
    possible = [
        name
        for name, kind in kinds.items()
        if pyarrow.types.is_binary(kind)
        or pyarrow.types.is_large_binary(kind)
        or pyarrow.types.is_string(kind)
        or pyarrow.types.is_large_string(kind)
        or (pyarrow.types.is_struct(kind) and {"bytes", "path"} & {kind.field(i).name for i in range(kind.num_fields)})
    ]
    wanted = asked or ("image" if "image" in possible else possible[0] if len(possible) == 1 else None)
    if wanted in possible:
        return str(wanted)
    listed = ", ".join(possible) or "none"
    if asked is not None:
        raise UsageError(f"column {asked!r} has no images; columns of bytes, paths or {{bytes, path}} are: {listed}")
    raise UsageError(f"which column has the images? Those of bytes, paths or {{bytes, path}} are: {listed}")
