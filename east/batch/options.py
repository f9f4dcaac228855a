"""What a batch job is told besides what its detectors are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..options import PDF_DPI, STREAM_DEFAULTS, StreamOptions, check_dpi

Format = Literal["jsonl", "parquet"]

FORMATS: tuple[Format, ...] = get_args(Format)

SHARD_SIZE = 256
"""Images of one file of results: what is lost, and done again, when a detector dies."""


@dataclass(frozen=True)
class BatchOptions:
    """How a job reads and writes.

    Attributes:
        format: of the results.
        shard_size: images of one file of results; of one Parquet file at most.
        column: of Parquet files, the one that has the images: their bytes, their paths, or both in a struct
            ``{bytes, path}``; without it ``image``, or the only one that can be meant.
        overwrite: begin anew where the output has results of another job, in place of refusing to.
        processes: beside each detector, see `StreamOptions`.
        pdf_dpi: pixels per inch that pages of PDFs are rendered at.

    Raises:
        ValueError: a value that cannot be.
    """

    format: Format = "jsonl"
    shard_size: int = SHARD_SIZE
    column: str | None = None
    overwrite: bool = False
    processes: int = STREAM_DEFAULTS.processes
    pdf_dpi: float = PDF_DPI

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {self.format!r}")
        if self.shard_size < 1:
            raise ValueError(f"shard_size must be at least 1, got {self.shard_size}")
        check_dpi(self.pdf_dpi)
        StreamOptions(processes=self.processes)


@dataclass(frozen=True)
class Cluster:
    """Which Ray cluster works on a job, and how much of it.

    Attributes:
        address: of the cluster, ``ray://HOST:PORT`` or ``HOST:PORT``; ``auto`` is the one of this machine or of
            ``RAY_ADDRESS``; without it there is one for the time of the job, on this machine.
        detectors: how many at a time; without it as many as the cluster has room for, now and as it grows.
        gpus_per_detector: GPUs of each, or a share of one; without it 1 if the cluster has any, else 0.
        cpus_per_detector: processor cores of each; without it those of the smallest node, or on GPUs its share of them.

    Raises:
        ValueError: a value that cannot be.
    """

    address: str | None = None
    detectors: int | None = None
    gpus_per_detector: float | None = None
    cpus_per_detector: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("detectors", 1), ("gpus_per_detector", 0), ("cpus_per_detector", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
