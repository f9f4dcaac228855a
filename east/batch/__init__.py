"""Any number of images to files of results, on one machine or on many: ``east batch``.

::

    from east.batch import detect_all
    from east.ocr import RapidOcr

    summary = detect_all(["photos/", "s3://bucket/scans/*.jpg"], "words/", read=RapidOcr)
    print(summary.images, summary.failed)

The images are listed once and cut into shards; a shard is one file of results, written aside and renamed when it is
whole. A job that was killed goes on with the shards that are missing, so each image is in the output exactly once.
`east.batch.rows` says what a row holds. With `Cluster`, the shards are worked off by detectors all over a Ray cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import BatchOptions, Cluster

if TYPE_CHECKING:
    from ..reading import Recogniser
    from .job import Summary, detect_all

__all__ = ["BatchOptions", "Cluster", "Recogniser", "Summary", "detect_all"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .. import reading
    from . import job

    return getattr(reading if name == "Recogniser" else job, name)
