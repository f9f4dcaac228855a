"""Finds words of any size, in any direction, in pictures drawn for it: ``python bench/layouts.py [--kinds huge]``.

A Markdown table, a row per sort of picture. A word is found when a box has more than half in common with it (IoU, one
to one, as in the ICDAR2015 protocol). Of the others, ``in pieces`` are those in which two boxes or more lie. Boxes that
match no word are ``extra`` where they lie on words (pieces, doubles, several words in one), else ``false alarms``.
``upright`` is the share of the found words whose box begins at the text's own top-left corner.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.pages import KINDS
from east import TextDetector
from east.console import markdown_table, progress
from east.flags import add_options, options_from
from east.geometry import angles, signed_areas
from east.icdar import Detected, GroundTruth
from east.metrics import match, measure, ratio
from east.training.synth.pages import Picture

COLUMNS = ("", "pictures", "words", "found", "recall", "upright", "in pieces", "extra boxes", "false alarms")
COLOURS = {"found": (40, 180, 60), "missed": (230, 30, 30), "box": (30, 90, 255)}


@dataclass(frozen=True)
class Tally:
    """What became of the words of some pictures, and of the boxes in them; tallies add up."""

    pictures: int = 0
    words: int = 0
    found: int = 0
    upright: int = 0
    split: int = 0
    extra: int = 0
    false: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    def cells(self) -> tuple[str, ...]:
        """The numbers of a row of `COLUMNS`; a share of nothing is a dash."""
        return (
            *map(str, (self.pictures, self.words, self.found)),
            f"{ratio(self.found, self.words):.3f}" if self.words else "-",
            f"{ratio(self.upright, self.found):.3f}" if self.found else "-",
            *map(str, (self.split, self.extra, self.false)),
        )


def count(words: NDArray[np.float32], boxes: NDArray[np.float32]) -> tuple[Tally, NDArray[np.bool_]]:
    """Compares what was found in a picture, ``(M, 4, 2)``, with its words, ``(N, 4, 2)``, in whole pixels.

    Returns:
        the tally, and which of the words were found, bool ``(N,)``.
    """
    truth = GroundTruth(np.rint(words).astype(np.int32), ("word",) * len(words))
    detected = Detected(np.rint(boxes).astype(np.int32))
    overlaps = measure(truth, detected)
    pairs = np.array(match(overlaps), np.int64).reshape(-1, 2)
    found, matched = np.zeros(len(words), np.bool_), np.zeros(len(boxes), np.bool_)
    found[pairs[:, 0]] = matched[pairs[:, 1]] = True
    areas = np.abs(signed_areas(truth.quads))[:, None], np.abs(signed_areas(detected.quads))
    inside = overlaps.iou * (areas[0] + areas[1]) / (1 + overlaps.iou)  # the areas in common
    shares = ratio(inside, areas[1])
    on_words = ~matched & (shares.sum(axis=0) >= 0.5)
    turn = angles(boxes[pairs[:, 1]]) - angles(words[pairs[:, 0]])
    tally = Tally(
        pictures=1,
        words=len(words),
        found=len(pairs),
        upright=int((np.abs((turn + 180) % 360 - 180) < 45).sum()),
        split=int((~found & ((shares >= 0.5).sum(axis=1) > 1)).sum()),
        extra=int(on_words.sum()),
        false=int((~matched & ~on_words).sum()),
    )
    return tally, found


def save(path: Path, picture: Picture, boxes: NDArray[np.float32], found: NDArray[np.bool_]) -> None:
    """Draws the boxes thin over the words, which are green if found and red if not."""
    canvas = picture.image.copy()
    width = 1 + max(canvas.shape[:2]) // 2000
    for quads, colour, line in (
        (picture.quads[found], "found", 2 * width),
        (picture.quads[~found], "missed", 2 * width),
        (boxes, "box", width),
    ):
        cv2.polylines(canvas, list(np.rint(quads).astype(np.int32)), True, COLOURS[colour], line, cv2.LINE_AA)
    cv2.imwrite(str(path), canvas[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--save", type=Path, metavar="DIR", help="put the pictures there, with words and boxes drawn")
    add_options(parser)
    args = parser.parse_args()
    if args.save:
        args.save.mkdir(parents=True, exist_ok=True)
    rows: dict[str, Tally] = {}
    numbers: Counter[str] = Counter()
    with TextDetector.from_options(options_from(args)) as detector:
        for kind in args.kinds:
            for row, picture in progress(KINDS[kind](), total=None, unit="picture", description=kind):
                boxes = detector.detect(picture.image).quads
                tally, found = count(picture.quads, boxes)
                rows[row] = rows.get(row, Tally()) + tally
                numbers[row] += 1
                if args.save:
                    name = re.sub(r"\W+", "-", f"{kind} {row} {numbers[row]}")
                    save(args.save / f"{name}.jpg", picture, boxes, found)
        about = f"{detector.weights}, {detector.runtime.name} {detector.runtime.precision}"
    print(f"{about}\n\n{markdown_table(COLUMNS, [(row, *tally.cells()) for row, tally in rows.items()])}")


if __name__ == "__main__":
    main()
