"""A job from its sources to its output, in this process or on a cluster."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RuntimeUnavailableError
from ..extras import require
from ..files import is_uri
from ..model.source import ModelSource
from ..option_fields import to_paths
from ..options import DEFAULTS, DetectorOptions, ReadingOptions
from ..reading import checked_threshold
from .listing import Shard, Span, cut, digest, list_images
from .options import BatchOptions, Cluster
from .output import OutputFolder
from .recognising import Read, described, made
from .work import Done, Failed, Work, Worker

_log = logging.getLogger(__name__)

_SPEED = frozenset([("threads",), ("gpu_memory_fraction",)])
"""Options on which no result depends."""


@dataclass(frozen=True)
class Summary:
    """What a job came to.

    Attributes:
        images: rows in the output.
        failed: of which so many have an error.
        before: of which so many were there already.
    """

    images: int
    failed: int
    before: int


def detect_all(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    options: DetectorOptions = DEFAULTS,
    *,
    batch: BatchOptions | None = None,
    cluster: Cluster | None = None,
    read: Read | None = None,
    padding: float = ReadingOptions.padding,
    text_threshold: float = 0.0,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Summary:
    """Finds the words of any number of images, and writes a row for each (`east.batch.rows`).

    Args:
        sources: image files, PDFs (extra ``pdf``; each page is an image), Parquet files, folders and patterns, as
            paths or URIs (``s3://``, ``gs://``, what PyArrow or fsspec know). On a cluster every machine has to reach
            them.
        output: folder for the results; a URI is written to by each machine, a path by this one. Where it has results
            of the same job already, only those that are missing are made.
        options: of the detectors.
        batch: of the job.
        cluster: where to work; in this process if not given.
        read: reads the words, as `Detections.read` has them read; with it each box has ``text`` and
            ``text_confidence``. A recogniser or, on a cluster, where each detector makes one for itself, a class of
            such, perhaps with arguments: ``partial(RapidOcr, language="en")``.
        padding: surroundings to read with each word, as a share of its height.
        text_threshold: texts of less confidence are dropped, and their boxes with them; see `Detections.read`.
        progress: called with the images done and all of them, at the start and after each shard.

    Returns:
        the counts of the whole output, those of earlier runs included.

    Raises:
        UsageError: the output is that of another job; a Parquet file has no images.
        MissingPackageError: what a cluster, Parquet or a URI takes is not installed.
        OSError: a source that is not there, cannot be read, or changes meanwhile; an output that cannot be written.
        ValueError: a source without images; an option out of range.
        EastError: what a `TextDetector` cannot be made with.
    """
    batch = batch or BatchOptions()
    if cluster is not None:
        require("ray", "a Ray cluster")
    if batch.format == "parquet":
        require("parquet", "the format parquet")
    how = ReadingOptions(padding=padding, text_threshold=checked_threshold(text_threshold))
    reading = None if read is None else described(read, how)
    if read is not None and cluster is None:
        read = made(read, options.threads)
    several = [sources] if isinstance(sources, (str, os.PathLike)) else sources
    named = [os.fspath(source) for source in several]
    place = os.fspath(output)
    spans = list_images(named, batch.column, place, max_pixels=options.max_pixels)
    shards = cut(spans, batch.shard_size)
    folder = OutputFolder(place, batch.format)
    folder.begin(_identity(spans, options, batch, reading), overwrite=batch.overwrite)
    counted = _done_before(folder, shards)
    total = sum(shard.images for shard in shards)
    before = done = sum(images for images, _ in counted.values())
    failed = sum(failures for _, failures in counted.values())
    progress(done, total)
    work = Work(options, batch, _everywhere(place), str(Path.cwd()), read, how)
    todo = [shard for shard in shards if shard.number not in counted]
    for shard in _run(work, todo, cluster):
        if shard.number in counted:
            continue
        if shard.images != shards[shard.number].images:
            place = shards[shard.number].spans[0].place
            told = f"{shard.images} images where {shards[shard.number].images} were listed: a file changed meanwhile"
            raise OSError(errno.EIO, told, place)
        if shard.content is not None:
            folder.write(shard.number, shard.content)
        counted[shard.number] = shard.images, shard.failed
        done += shard.images
        failed += shard.failed
        progress(done, total)
    if missing := len(shards) - len(counted):
        raise RuntimeUnavailableError(f"the cluster has left out {missing} of {len(shards)} shards: run it again")
    return Summary(done, failed, before)


def _run(work: Work, shards: Sequence[Shard], cluster: Cluster | None) -> Iterator[Done]:
    if not shards:
        return
    if cluster is not None:
        from .cluster import run

        yield from run(work, shards, cluster)
        return
    with Worker(work) as worker, closing(worker.run(shards)) as answers:
        for done in answers:
            if isinstance(done, Failed):
                raise done.error
            yield done


def _done_before(folder: OutputFolder, shards: Sequence[Shard]) -> dict[int, tuple[int, int]]:
    """Images and failures of each shard that is there; a damaged one is made again."""
    counted = {}
    for number in sorted(folder.done()):
        try:
            counts = folder.counts(number)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("shard %d is damaged and is made again: %s", number, error)
            continue
        if number < len(shards) and counts[0] == shards[number].images:
            counted[number] = counts
    return counted


def _identity(
    spans: Sequence[Span], options: DetectorOptions, batch: BatchOptions, reading: str | None
) -> dict[str, Any]:
    """All that the results depend on, as JSON values."""
    import east

    return {
        "images": sum(span.images for span in spans),
        "sources": digest(spans),
        "shard_size": batch.shard_size,
        "format": batch.format,
        "pdf_dpi": batch.pdf_dpi,
        "read": reading,
        "weights": ModelSource.find(options.weights, options.nodes).sha256,
        "options": {".".join(path): str(value) for path, value in to_paths(options).items() if path not in _SPEED},
        "east": east.__version__,
    }


def _everywhere(place: str) -> str:
    return place if is_uri(place) else str(Path(place).absolute())
