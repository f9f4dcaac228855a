"""One pass of a detector over a set of images: resumable, reading ahead, scored at the end; and what it ran with."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from east.files import sha256_files
from east.icdar import Detected, parse_detected, reportable
from east.metrics import Counts, Score, score, score_image

from .analysis import RunSpeed
from .end_to_end import ReadWords, score_texts
from .journal import ImageResult, Journal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from east import Detections, TextDetector
    from east.ocr import NamedRecogniser
    from east.options import ReadingOptions

    from .dataset import Icdar2015, Sample

_AHEAD = 3
_LIBRARIES = (
    "tensorflow",
    "openvino",
    "keras",
    "numpy",
    "opencv-python-headless",
    "simplejpeg",
    "numba",
    "shapely",
    "rapidocr",
    "onnxruntime",
)


@dataclass(frozen=True, eq=False)
class Run:
    """What one detector did on one set of images, by rising image number, and the score of what it found.

    ``about`` is what was run, as `describe` tells it; ``detected`` is what the results say was found; ``reading``
    counts the words that were read right, where a recogniser has read them.
    """

    about: Mapping[str, Any]
    results: dict[str, ImageResult]
    detected: dict[str, Detected]
    score: Score
    reading: Counts | None = None

    @property
    def name(self) -> str:
        """Such as ``openvino INT8``."""
        return f"{self.about['runtime']} {self.about['precision']}"

    @property
    def speed(self) -> RunSpeed:
        """Of at least one image."""
        return RunSpeed.of(self.results.values())


@dataclass(frozen=True)
class Reader:
    """A recogniser and how it is used."""

    recogniser: NamedRecogniser
    options: ReadingOptions

    def read(self, found: Detections) -> Detections:
        """What was read surely enough of what was found, with texts."""
        how = self.options
        return found.read(self.recogniser, padding=how.padding, text_threshold=how.least_confidence)

    def describe(self) -> dict[str, Any]:
        """What decides what is read, as JSON values."""
        about = {**asdict(self.options), "text_threshold": self.options.least_confidence}
        return {**about, "recogniser": self.recogniser.name}


def describe(detector: TextDetector, reader: Reader | None = None) -> dict[str, Any]:
    """What decides a detector's results, as JSON values."""
    import east

    runtime, options = detector.runtime, detector.options
    return {
        **({} if reader is None else {"reading": reader.describe()}),
        "runtime": runtime.name,
        "precision": str(runtime.precision),
        "arithmetic": runtime.arithmetic,
        "device": runtime.device,
        "model_bytes": runtime.model_bytes,
        "weights": detector.weights,
        "weights_sha256": detector.weights_sha256,
        "input_size": None if options.input_size is None else list(options.input_size),
        "max_side": options.max_side,
        "tiling": options.tiling,
        "orientations": options.orientations,
        "rounding": options.rounding,
        "scoring": options.scoring,
        "confidence": None if detector.confidence is None else detector.confidence.as_dict(),
        "thresholds": {"score": options.score_threshold, "nms": options.nms_threshold, "box": options.box_threshold},
        "east": east.__version__,
    }


def environment() -> dict[str, str]:
    """Python, platform, and the versions of the libraries that matter, by name."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def open_journal(dataset: Icdar2015, detector: TextDetector, reader: Reader | None = None) -> Journal:
    """The journal of this detector and reader on this set, with what an interrupted run of the same code has done."""
    import east
    from east.model.source import ModelSource
    from east.option_fields import to_paths
    from east.runtimes.conversion.artifacts import JOURNALS, default_folder
    from east.runtimes.conversion.known_ranges import calibration_digest

    package = Path(east.__file__).parent
    options = detector.options
    identity = {
        "dataset": dataset.digest,
        "code": sha256_files(package, package.rglob("*.py")),
        "options": {".".join(path): str(value) for path, value in to_paths(options).items()},
        "calibration": calibration_digest(ModelSource.find(options.weights, options.nodes), options),
        **describe(detector, reader),
    }
    return Journal(default_folder() / JOURNALS, identity)


def evaluate(detector: TextDetector, dataset: Icdar2015, journal: Journal, reader: Reader | None = None) -> Run:
    """Runs the detector on the images that the journal lacks, has their words read, and scores all of them.

    Shows a progress bar with the running F1 on stderr where that is a terminal. Raises `ImageError` for an image
    that cannot be used.
    """
    from tqdm import tqdm

    done = [sample for sample in dataset.samples if sample.key in journal.results]
    todo = [sample for sample in dataset.samples if sample.key not in journal.results]
    if todo:
        detector.warm_up()
        detector.detect(todo[0].image)  # what is compiled for the first image counts for none
    name = f"{detector.runtime.name} {detector.runtime.precision}"
    with tqdm(desc=name, total=len(dataset.samples), initial=len(done), unit="image", disable=None, leave=False) as bar:
        watched = not bar.disable
        counts = sum((_count(sample, journal.results[sample.key]) for sample in done if watched), Counts())
        for sample, result in _results(detector, todo, reader):
            journal.add(sample.key, result)
            if watched:
                counts += _count(sample, result)
                bar.set_postfix_str(f"F1 {counts.hmean:.4f}", refresh=False)
                bar.update()
    results = {sample.key: journal.results[sample.key] for sample in dataset.samples}
    detected = {key: _parse(key, result) for key, result in results.items()}
    reading = None
    if reader is not None:
        reading = score_texts(dataset.truths, {key: ReadWords.of(key, result) for key, result in results.items()})
    return Run(describe(detector, reader), results, detected, score(dataset.truths, detected), reading)


def _results(
    detector: TextDetector, samples: list[Sample], reader: Reader | None
) -> Iterator[tuple[Sample, ImageResult]]:
    """Runs the detector on each, a few images being decoded ahead so that the network does not wait for them."""
    from east.prefetch import prefetch_map

    before = time.perf_counter()
    for sample, (image, decode) in zip(samples, prefetch_map(_decode, samples, buffer=_AHEAD), strict=True):
        found = detector.detect(image).ranked()
        done = time.perf_counter()
        texts = None
        if reader is not None:
            found = reader.read(found)
            words = zip(found, reportable(found.quads), strict=True)
            texts = tuple(box.text or "" for box, is_written in words if is_written)
        now = time.perf_counter()
        read = 0.0 if reader is None else (now - done) * 1e3
        times = {**asdict(found.timings), "decode": decode, "wall": (done - before) * 1e3, "read": read}
        rounded = {name: round(milliseconds, 3) for name, milliseconds in times.items()}
        yield sample, ImageResult(found.to_icdar(scores=True), found.width, found.height, **rounded, texts=texts)
        before = now


def _decode(sample: Sample) -> tuple[NDArray[np.uint8], float]:
    """The image, and how many milliseconds it took."""
    from east.images.decoding import load_image

    start = time.perf_counter()
    return load_image(sample.image), (time.perf_counter() - start) * 1e3


def _count(sample: Sample, result: ImageResult) -> Counts:
    return score_image(sample.truth, _parse(sample.key, result)).counts


def _parse(key: str, result: ImageResult) -> Detected:
    return parse_detected(result.lines.encode(), f"res_img_{key}.txt", confidences=True)
