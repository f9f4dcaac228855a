"""What works a shard off: reads its images ahead, has their words found, and makes the rows; the same everywhere."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeAlias

from ..console import one_line
from ..detections import Detections
from ..detector import TextDetector
from ..errors import ImageError
from ..files import is_uri
from ..images.decoding import most_bytes
from ..images.pdf import PdfPage
from ..options import DEFAULTS, PDF_DPI, DetectorOptions, ReadingOptions
from ..prefetch import prefetch_map
from . import places
from .listing import Shard, Span
from .options import BatchOptions
from .output import OutputFolder
from .recognising import Read, made
from .rows import Row, encode, error_row, found_row

_READERS = 8
_AHEAD = 16
_ROWS = 16
"""Rows of a Parquet file that are held at once: an image of each."""

Loaded: TypeAlias = bytes | Path | PdfPage | ImageError


class Work(NamedTuple):
    """What each worker has to know of a job.

    Attributes:
        options: of its detector.
        batch: of the job.
        output: place of the results.
        base: folder that relative paths start from.
        read: reads the words, where texts are asked for.
        how: surroundings and threshold of reading; the recogniser that it names is not asked for.
    """

    options: DetectorOptions
    batch: BatchOptions
    output: str
    base: str
    read: Read | None = None
    how: ReadingOptions = ReadingOptions()


class Done(NamedTuple):
    """A shard that is worked off.

    Attributes:
        number: of the shard.
        images: how many it has.
        failed: how many of them could not be used.
        content: its file, where it is not written yet.
    """

    number: int
    images: int
    failed: int
    content: bytes | None


class Failed(NamedTuple):
    """A shard that could not be worked off, and why."""

    number: int
    error: Exception


class _Image(NamedTuple):
    """An image that the detector has been given: its name, and its number among all."""

    name: str
    number: int


_Begun: TypeAlias = _Image | Row | Shard | Failed
"""What has come of the shards so far, in order: images that the detector has, rows of others, and a shard's end."""


class Worker(AbstractContextManager["Worker"]):
    """A detector that works shards off."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._read = None if work.read is None else made(work.read, work.options.threads)
        self._detector = TextDetector.from_options(work.options)
        self._output = OutputFolder(work.output, work.batch.format)

    def run(self, shards: Iterable[Shard]) -> Generator[Done | Failed, None, None]:
        """Works shards off, in their order; writes their files where any machine can write them.

        They are one stream to the detector: while it is busy with the last images of one, the next is being read.

        Args:
            shards: each is asked for when the images before it have been read.

        Yields:
            what each came to. One `Failed` where a Parquet file cannot be read or a file cannot be written.

        Raises:
            WorkerError: a process beside the detector's has ended.
        """
        begun: deque[_Begun] = deque()
        rows: list[Row] = []
        stream = self._detector.stream(
            self._readable(shards, begun), keep_image=self._read is not None, processes=self._work.batch.processes
        )
        for found in stream:
            yield from self._ended(begun, rows)
            image = begun.popleft()
            assert isinstance(image, _Image)  # noqa: S101  all others have been taken
            if isinstance(found, ImageError):
                rows.append(error_row(*image, found))
            else:
                rows.append(found_row(*image, self._with_texts(found)))
            yield from self._ended(begun, rows)
        yield from self._ended(begun, rows)

    def close(self) -> None:
        """Frees the network."""
        self._detector.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _readable(self, shards: Iterable[Shard], begun: deque[_Begun]) -> Iterator[bytes | Path | PdfPage]:
        """The images for the detector; those that could not be read never come to it."""
        for shard in shards:
            names = [span.name(offset) for span in shard.spans for offset in range(span.images)]
            try:
                how = self._work.batch.pdf_dpi, self._work.options.max_pixels
                for number, loaded in enumerate(load(shard.spans, self._work.base, *how)):
                    name, index = names[number], shard.first + number
                    if isinstance(loaded, ImageError):
                        begun.append(error_row(name, index, loaded))
                    else:
                        begun.append(_Image(name, index))
                        yield loaded
            except Exception as error:
                begun.append(Failed(shard.number, error))
            else:
                begun.append(shard)

    def _ended(self, begun: deque[_Begun], rows: list[Row]) -> Iterator[Done | Failed]:
        """Takes all up to the next image that the detector has; ``rows`` are those of the shard that has not ended."""
        while begun and not isinstance(begun[0], _Image):
            one = begun.popleft()
            if isinstance(one, dict):
                rows.append(one)
            elif isinstance(one, Shard):
                yield self._done(one.number, rows)
                rows.clear()
            elif isinstance(one, Failed):
                yield one
                rows.clear()

    def _done(self, number: int, rows: list[Row]) -> Done | Failed:
        content: bytes | None = encode(rows, self._work.batch.format, texts=self._read is not None)
        if self._output.everywhere and content is not None:
            try:
                self._output.write(number, content)
            except OSError as error:
                return Failed(number, error)
            content = None
        return Done(number, len(rows), sum(row["error"] is not None for row in rows), content)

    def _with_texts(self, found: Detections) -> Detections:
        if self._read is None:
            return found
        how = self._work.how
        return found.read(self._read, padding=how.padding, text_threshold=how.least_confidence)


def load(
    spans: Sequence[Span], base: str, pdf_dpi: float = PDF_DPI, max_pixels: int = DEFAULTS.max_pixels
) -> Iterator[Loaded]:
    """What is known of each image: its path here, or its bytes, or a page of a PDF, or why it cannot be read.

    Of elsewhere several are read ahead, and of each no more than an image of ``max_pixels`` takes. Raises ``OSError``
    for a Parquet file that cannot be read.
    """
    most = most_bytes(max_pixels)

    def wanted() -> Iterator[Loaded | str]:
        for span in spans:
            if span.is_whole:
                yield span.place
            else:
                yield from _pages(span, base, pdf_dpi, most) if span.is_pages else _values(span, base)

    def fetch(image: Loaded | str) -> Loaded:
        if not isinstance(image, str):
            return image
        return _content(image, most) if is_uri(image) else Path(base, image)

    if all(span.is_whole and not is_uri(span.place) for span in spans):
        return (Path(base, span.place) for span in spans)
    return prefetch_map(fetch, wanted(), threads=_READERS, buffer=_AHEAD)


def _content(place: str, most: int) -> bytes | ImageError:
    try:
        return places.read_image(place, most)
    except ImageError as error:
        return error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        failed = ImageError(f"cannot read the file: {reason}")
        failed.__cause__ = error
        return failed


def _pages(span: Span, base: str, dpi: float, most: int) -> Iterator[Loaded]:
    """Pages of a PDF, rendered when they are looked at."""
    place = _absolute(span.place, base)
    document = _content(place, most) if is_uri(place) else place
    for page in range(span.start, span.stop):
        yield document if isinstance(document, ImageError) else PdfPage(document, page + 1, dpi)


def _values(span: Span, base: str) -> Iterator[Loaded | str]:
    """What the rows of a span hold: the bytes of an image, or where it is. Raises ``OSError`` that names the file."""
    try:
        yield from _stored(span, base)
    except (OSError, ValueError, NotImplementedError) as error:  # PyArrow's are of these, and name nothing
        if isinstance(error, OSError) and error.filename:
            raise
        raise OSError(errno.EIO, f"the Parquet file cannot be read: {one_line(error)}", span.place) from error


def _stored(span: Span, base: str) -> Iterator[Loaded | str]:
    from pyarrow.parquet import ParquetFile

    with places.open_random(_absolute(span.place, base)) as file, ParquetFile(file) as parquet:
        groups: list[int] = []
        first = at = 0
        for group in range(parquet.num_row_groups):
            end = at + parquet.metadata.row_group(group).num_rows
            if at < span.stop and end > span.start:
                first = at if not groups else first
                groups.append(group)
            at = end
        row = first
        for batch in parquet.iter_batches(_ROWS, row_groups=groups, columns=[span.column]):
            column = batch.column(0)
            start, stop = (min(max(edge - row, 0), len(column)) for edge in (span.start, span.stop))
            row += len(column)
            for value in column.slice(start, stop - start):
                yield _image(value.as_py())
            if row >= span.stop:
                return


def _image(value: Any) -> Loaded | str:
    if isinstance(value, dict):
        value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
    return value if isinstance(value, (bytes, str)) else ImageError("there is no image in this row")


def _absolute(place: str, base: str) -> str:
    return place if is_uri(place) else str(Path(base, place))
