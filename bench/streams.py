"""Measures ``TextDetector.stream``, images a second: ``python bench/streams.py --images DIR [--without-network]``.

From arrays and from the bytes of files, decoded by so many threads, or by so many processes beside this one; all in
turns, in one run. Every box is checked against that of one ``detect_batch``. ``cores`` are those that were busy, in
this process and in those beside it; ``faults`` are pages that the system had to find, for an image.

``--without-network`` is for what the processor can do at most: a stand-in says at once what the network said about
the same images before. It is asked once for each; ``--recorded FILE`` keeps that for the next run.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from bench.arguments import images_of, seconds_above_zero  # noqa: E402
from bench.processes import Usage  # noqa: E402
from bench.recorded import without_network  # noqa: E402
from east import Detections, TextDetector, pipeline  # noqa: E402
from east.console import markdown_table  # noqa: E402
from east.cores import usable_cores  # noqa: E402
from east.flags import add_options, options_from, positive  # noqa: E402
from east.images import load_image  # noqa: E402
from east.options import EVALUATION_SIZE  # noqa: E402

_COLUMNS = (
    "from",
    "by",
    "images/s",
    "least",
    "most",
    "cores here",
    "beside",
    "CPU ms an image here",
    "beside",
    "faults",
)


@dataclass
class Case:
    """One row: what is streamed, and what decodes it."""

    source: str
    images: Sequence[Any]
    threads: int = 0
    processes: int = 0
    speeds: list[float] = field(default_factory=list)
    cores: list[tuple[float, float]] = field(default_factory=list)
    faults: list[float] = field(default_factory=list)

    @property
    def row(self) -> tuple[str, ...]:
        """Its row of the table, medians of all turns."""
        by = f"{self.processes} processes" if self.processes else f"{self.threads} threads"
        speed = median(self.speeds)
        here, beside = (median(side) for side in zip(*self.cores, strict=True))
        return (
            *(self.source, by, f"{speed:.0f}", f"{min(self.speeds):.0f}", f"{max(self.speeds):.0f}"),
            *(f"{here:.1f}", f"{beside:.1f}", f"{here / speed * 1e3:.2f}", f"{beside / speed * 1e3:.2f}"),
            f"{median(self.faults):.0f}",
        )

    def measure(self, detector: TextDetector, expected: Sequence[Detections], seconds: float, **how: Any) -> None:
        """Streams the images over and over, once around for a start, in which the boxes are checked."""
        share = self.threads / usable_cores()
        with patch.object(pipeline, "_DECODING", share):
            found = detector.stream(itertools.cycle(self.images), processes=self.processes, on_error="raise", **how)
            for one, other in zip(itertools.islice(found, len(expected)), expected, strict=True):
                same = one.quads.shape == other.quads.shape and np.allclose(one.quads, other.quads, atol=0.6)
                if not same:
                    raise SystemExit(f"{self.source}: a stream finds other boxes than detect_batch")
            self._time(found, seconds)
            found.close()  # type: ignore[attr-defined]

    def _time(self, found: Iterator[Detections], seconds: float) -> None:
        before, start, done = Usage.of(os.getpid()), time.perf_counter(), 0
        while time.perf_counter() < start + seconds:
            for _ in itertools.islice(found, 16):
                done += 1
        after, spent = Usage.of(os.getpid()), time.perf_counter() - start
        self.speeds.append(done / spent)
        self.cores.append(((after.here - before.here) / spent, (after.beside - before.beside) / spent))
        self.faults.append((after.faults - before.faults) / done)


def main() -> None:
    """Measures, and prints a table."""
    args = _arguments()
    options = options_from(args, input_size=EVALUATION_SIZE)
    files = [data for _, data in images_of(args.images, args.count)]
    arrays = [load_image(data) for data in files]
    how = {"keep_image": args.keep_image, "batch": args.batch, "threads": args.under_way}
    cases = []
    for source in args.sources:
        images = arrays if source == "arrays" else files
        cases += [Case(source, images, threads=count) for count in args.threads]
        cases += [Case(source, images, processes=count) for count in args.processes]
    size = options.fixed_size or EVALUATION_SIZE
    with without_network(size, args.recorded) if args.without_network else nullcontext():
        detector = TextDetector.from_options(options)
    with detector:
        detector.warm_up(size)
        expected = detector.detect_batch(arrays, on_error="raise", keep_image=False)
        for case in cases * args.rounds:
            case.measure(detector, expected, args.seconds, **how)
        runtime = "no network" if args.without_network else f"{detector.runtime.name} {detector.runtime.precision}"
        words = sum(map(len, expected)) / len(expected)
    print(
        f"{runtime} on {detector.runtime.device}, {size}, {usable_cores()} cores; {len(files)} images of "
        f"{sum(map(len, files)) / len(files) / 1e3:.0f} kB with {words:.1f} words, {args.rounds} turns of "
        f"{args.seconds:g} s\n"
    )
    print(markdown_table(_COLUMNS, [case.row for case in cases]))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="folder of images")
    parser.add_argument("--count", type=positive, default=64, help="of them, how many (default: %(default)s)")
    parser.add_argument(
        "--from",
        dest="sources",
        nargs="+",
        choices=["arrays", "files"],
        default=["arrays", "files"],
        help="what is streamed (default: both)",
    )
    several: dict[str, Any] = {"type": positive, "nargs": "*", "metavar": "N"}
    parser.add_argument("--threads", default=[6], help="threads that decode (default: 6)", **several)
    parser.add_argument("--processes", default=[10], help="processes in their place (default: 10)", **several)
    parser.add_argument("--batch", type=positive, help="images of a batch (default: the runtime's choice)")
    parser.add_argument("--under-way", type=positive, metavar="N", help="batches in the network at once (likewise)")
    parser.add_argument("--keep-image", action="store_true", help="keep the images with the results")
    parser.add_argument("--rounds", type=positive, default=3, help="turns of each row (default: %(default)s)")
    parser.add_argument("--seconds", type=seconds_above_zero, default=5.0, help="of a turn (default: %(default)s)")
    parser.add_argument("--without-network", action="store_true", help="a stand-in says at once what it said before")
    parser.add_argument("--recorded", type=Path, metavar="FILE.npz", help="where that is kept for the next run")
    add_options(parser, without=["threads"], defaults={"input_size": EVALUATION_SIZE})
    args = parser.parse_args()
    if not args.threads and not args.processes:
        parser.error("neither threads nor processes to measure: give numbers to --threads or --processes")
    return args


if __name__ == "__main__":
    main()
