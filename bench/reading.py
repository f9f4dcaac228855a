"""Reads ICDAR2015 images with this detector in front of a recogniser, and with others' own pipelines.

::

    python bench/reading.py --data DIR [--subset 801-1000] [--every 4] [--weights …] [--precision INT8]

A Markdown table, a row per pipeline. A legible word is read when a text equals it whose box lies on its middle; texts
with blanks in them, as detectors of lines give them, are split too, and each part may stand for one word. ``exactly``
takes the text letter by letter, ``by task 4.4`` as `eval.end_to_end` does. Every image goes through all pipelines one
after the other, so that the times compare; ``time`` and ``CPU`` are shares of those of RapidOCR's own pipeline. The
first row is what the ground truth's own boxes give: the most that a detector can do for this recogniser. A second table
says where the time of this detector's and of RapidOCR's pipeline goes, in shares of the latter's.

The bundled weights have seen the 1000 training images: on them their row is flattered. Only on the test set, or with
weights that were trained on others, it is what to expect.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from east import Detections, Precision, TextBox, TextDetector, Timings
from east.console import (
    markdown_table,
    progress,
)
from east.extras import require
from east.flags import add_options, options_from, positive
from east.icdar import GroundTruth
from east.images.decoding import load_image
from east.ocr import RapidOcr, Tesseract
from east.options import READING_SCORE_THRESHOLD, TEXT_THRESHOLDS
from eval import dataset as icdar2015
from eval.end_to_end import is_right

Texts: TypeAlias = Sequence[tuple[NDArray[Any], str]]
"""Quads ``(4, 2)`` in the image's pixels, and what was read in each."""

Pipeline: TypeAlias = Callable[[NDArray[np.uint8], GroundTruth], Texts]

REFERENCE = "RapidOCR's own pipeline"
COLUMNS = ("", "words", "exactly", "by task 4.4", "texts", "ms an image", "time", "CPU")


@dataclass
class Tally:
    """What one pipeline has read, and how long it took."""

    exact: int = 0
    right: int = 0
    texts: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


def main() -> None:
    require("ocr", "this benchmark")
    args = _arguments()
    dataset = icdar2015.load(args.data, None, args.subset)
    samples = dataset.samples[:: args.every][: args.images]
    options = options_from(args, precision="INT8", score_threshold=READING_SCORE_THRESHOLD)
    with TextDetector.from_options(options) as detector:
        parts: dict[str, float] = {}
        pipelines = _pipelines(detector, parts, tesseract=args.tesseract)
        first = load_image(samples[0].image)
        for run in pipelines.values():
            run(first, samples[0].truth)  # what is loaded at first counts for none
        parts.clear()
        tallies = {name: Tally() for name in pipelines}
        words = 0
        for sample in progress(samples, total=len(samples), unit="image", description="read"):
            image = load_image(sample.image)
            words += int((~sample.truth.dont_care).sum())
            for name, run in pipelines.items():
                _measure(run, image, sample.truth, tallies[name])
        told = f"{detector.weights}, {detector.runtime.name} {detector.runtime.precision}"
    print(f"{len(samples)} images, {words} legible words; {told}\n")
    print(markdown_table(COLUMNS, [_row(name, one, words, len(samples), tallies) for name, one in tallies.items()]))
    whole = tallies[REFERENCE].seconds
    shares = [(name, f"{1e3 * spent / len(samples):.0f}", f"{spent / whole:.3f}") for name, spent in parts.items()]
    print(f"\n{markdown_table(('part', 'ms an image', 'time'), shares)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("ICDAR2015_DIR"), required="ICDAR2015_DIR" not in os.environ
    )
    parser.add_argument("--subset", help="image numbers, such as 801-1000")
    parser.add_argument("--every", type=positive, default=1, metavar="N", help="take every Nth image")
    parser.add_argument("--images", type=positive, metavar="N", help="and no more than so many")
    parser.add_argument("--tesseract", action=argparse.BooleanOptionalAction, default=True)
    add_options(parser)
    return parser.parse_args()


def _pipelines(detector: TextDetector, parts: dict[str, float], *, tesseract: bool) -> dict[str, Pipeline]:
    """The pipelines by name; they add the seconds of their parts up."""
    from rapidocr import RapidOCR

    whole = RapidOCR(params={"Global.log_level": "error"})
    rapid = RapidOcr()

    def spent(part: str, seconds: float) -> None:
        parts[part] = parts.get(part, 0.0) + seconds

    def ours(image: NDArray[np.uint8], truth: GroundTruth) -> Texts:
        start = time.perf_counter()
        found = detector.detect(image)
        detected = time.perf_counter()
        read = found.read(rapid, text_threshold=TEXT_THRESHOLDS["rapidocr"])
        spent("this detector: network", found.timings.network / 1e3)
        spent("this detector: the rest", detected - start - found.timings.network / 1e3)
        spent("RapidOCR's recogniser on its words, cut out", time.perf_counter() - detected)
        return _texts(read)

    def own(image: NDArray[np.uint8], truth: GroundTruth) -> Texts:
        read: Any = whole(np.ascontiguousarray(image[..., ::-1]))
        if read.boxes is not None:
            names = "detector", "classifier of directions", "recogniser"
            for name, seconds in zip(names, read.elapse_list, strict=True):
                spent(f"RapidOCR's {name}", seconds or 0.0)
        return [] if read.boxes is None else list(zip(read.boxes, read.txts, strict=True))

    pipelines: dict[str, Pipeline] = {
        "ground truth's boxes, RapidOCR's recogniser": lambda image, truth: _texts(_there(image, truth).read(rapid)),
        "this detector, RapidOCR's recogniser": ours,
        REFERENCE: own,
    }
    if tesseract:
        words = Tesseract()
        pipelines["this detector, Tesseract on its words"] = lambda image, truth: _texts(
            detector.detect(image).read(words, text_threshold=TEXT_THRESHOLDS["tesseract"])
        )
        pipelines["Tesseract's own pipeline (sparse text)"] = _tesseract_alone
    return pipelines


def _tesseract_alone(image: NDArray[np.uint8], truth: GroundTruth) -> Texts:
    import pytesseract  # type: ignore[import-untyped]

    told = pytesseract.image_to_data(image, config="--psm 11", output_type=pytesseract.Output.DICT)
    texts = []
    for left, top, width, height, text in zip(
        *(told[name] for name in ("left", "top", "width", "height", "text")), strict=True
    ):
        if str(text).strip():
            right, bottom = left + width, top + height
            texts.append((np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), str(text)))
    return texts


def _there(image: NDArray[np.uint8], truth: GroundTruth) -> Detections:
    """The ground truth as if it had been detected."""
    boxes = tuple(TextBox(quad.astype(np.float32), 1.0) for quad in truth.quads[~truth.dont_care])
    height, width = image.shape[:2]
    return Detections(boxes, width, height, "", Precision.FP32, Timings(), image)


def _texts(found: Detections) -> Texts:
    return [(box.quad, box.text) for box in found if box.text]


def _measure(run: Pipeline, image: NDArray[np.uint8], truth: GroundTruth, tally: Tally) -> None:
    start, cpu = time.perf_counter(), _cpu_seconds()
    read = run(image, truth)
    tally.seconds += time.perf_counter() - start
    tally.cpu_seconds += _cpu_seconds() - cpu
    tally.texts += len(read)
    tally.exact += _count(truth, read, str.__eq__)
    tally.right += _count(truth, read, is_right)


def _cpu_seconds() -> float:
    """Of this process and of those it has started and that have ended."""
    return sum(os.times()[:4])


def _count(truth: GroundTruth, read: Texts, is_same: Callable[[str, str], bool]) -> int:
    """How many legible words were read."""
    import cv2

    free = [(np.asarray(quad, np.float32), piece) for quad, text in read for piece in {text, *text.split()}]
    count = 0
    legible = ~truth.dont_care
    for quad, word in zip(truth.quads[legible], np.array(truth.transcriptions, object)[legible], strict=True):
        x, y = quad.mean(axis=0).tolist()
        for index, (place, piece) in enumerate(free):
            if is_same(word, piece) and cv2.pointPolygonTest(place, (x, y), False) >= 0:
                count += 1
                del free[index]
                break
    return count


def _row(name: str, one: Tally, words: int, images: int, all_of_them: dict[str, Tally]) -> tuple[str, ...]:
    reference = all_of_them[REFERENCE]
    return (
        name,
        str(words),
        f"{100 * one.exact / words:.1f} %",
        f"{100 * one.right / words:.1f} %",
        str(one.texts),
        f"{1e3 * one.seconds / images:.0f}",
        f"{one.seconds / reference.seconds:.2f}",
        f"{one.cpu_seconds / reference.cpu_seconds:.2f}",
    )


if __name__ == "__main__":
    main()
