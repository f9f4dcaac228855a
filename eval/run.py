"""One pass of a detector over a set of images: resumable, reading ahead, scored at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from east.icdar import Detected, parse_detected
from east.metrics import Counts, Score, score, score_image

from .journal import Journal, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from east import Detections, TextDetector

    from .dataset import Icdar2015, Sample

_AHEAD = 3


@dataclass(frozen=True, eq=False)
class Run:
    """What one detector did on one set of images.

    about: what was run, as JSON values; see `describe`.
    records: per image, by rising image number.
    detected: what the records say was found.
    """

    about: Mapping[str, Any]
    records: dict[str, Record]
    detected: dict[str, Detected]
    score: Score

    @property
    def name(self) -> str:
        """Such as ``openvino INT8``."""
        return f"{self.about['runtime']} {self.about['precision']}"


def describe(detector: TextDetector) -> dict[str, Any]:
    """What decides a detector's results, as JSON values."""
    import east

    runtime, options = detector.runtime, detector.options
    return {
        "runtime": runtime.name,
        "precision": str(runtime.precision),
        "arithmetic": runtime.arithmetic,
        "device": runtime.device,
        "model_bytes": runtime.model_bytes,
        "weights": detector.weights,
        "weights_sha256": detector.weights_sha256,
        "input_size": None if options.input_size is None else list(options.input_size),
        "max_side": options.max_side,
        "rounding": options.rounding,
        "thresholds": {
            "score": options.score_threshold,
            "nms": options.nms_threshold,
            "box": options.box_threshold,
        },
        "east": east.__version__,
    }


def open_journal(dataset: Icdar2015, detector: TextDetector) -> Journal:
    """The journal of this detector on this set, with what an interrupted run has done."""
    from east.runtimes.conversion.artifacts import default_folder

    identity = {"dataset": dataset.digest, "threads": detector.options.threads, **describe(detector)}
    return Journal(default_folder() / "evaluations", identity)


def evaluate(detector: TextDetector, dataset: Icdar2015, journal: Journal) -> Run:
    """Runs the detector on the images that the journal lacks, and scores all of them.

    Shows a progress bar with the running F1 on stderr where that is a terminal.
    Raises ImageError for an image that cannot be used.
    """
    from tqdm import tqdm

    done = [sample for sample in dataset.samples if sample.key in journal.records]
    todo = [sample for sample in dataset.samples if sample.key not in journal.records]
    if todo:
        detector.detect(todo[0].image)  # what is compiled for the first image counts for none
    name = f"{detector.runtime.name} {detector.runtime.precision}"
    with tqdm(desc=name, total=len(dataset.samples), initial=len(done), unit="image", disable=None, leave=False) as bar:
        watched = not bar.disable
        counts = sum((_count(sample, journal.records[sample.key]) for sample in done if watched), Counts())
        for sample, record in _records(detector, todo):
            journal.add(sample.key, record)
            if watched:
                counts += _count(sample, record)
                bar.set_postfix_str(f"F1 {counts.hmean:.4f}", refresh=False)
                bar.update()
    records = {sample.key: journal.records[sample.key] for sample in dataset.samples}
    detected = {key: _parse(key, record) for key, record in records.items()}
    return Run(describe(detector), records, detected, score(dataset.truths, detected))


def _records(detector: TextDetector, samples: list[Sample]) -> Iterator[tuple[Sample, Record]]:
    """Runs the detector on each, a few images being decoded ahead so that the network does not wait for them."""
    from east.prefetch import map_ahead

    before = time.perf_counter()
    for sample, decoded in zip(samples, map_ahead(_decode, samples, ahead=_AHEAD), strict=True):
        found = detector.detect(decoded.image)
        now = time.perf_counter()
        yield sample, _record(found, decoded.milliseconds, (now - before) * 1e3)
        before = now


class _Decoded(NamedTuple):
    image: NDArray[np.uint8]
    milliseconds: float


def _decode(sample: Sample) -> _Decoded:
    from east.images.decoding import load_image

    start = time.perf_counter()
    return _Decoded(load_image(sample.image), (time.perf_counter() - start) * 1e3)


def _record(found: Detections, decode: float, wall: float) -> Record:
    times = {**asdict(found.timings), "decode": decode, "wall": wall}
    rounded = {name: round(milliseconds, 3) for name, milliseconds in times.items()}
    return Record(found.to_icdar(scores=True), found.width, found.height, **rounded)


def _count(sample: Sample, record: Record) -> Counts:
    return score_image(sample.truth, _parse(sample.key, record)).counts


def _parse(key: str, record: Record) -> Detected:
    return parse_detected(record.lines.encode(), f"res_img_{key}.txt", confidences=True)
