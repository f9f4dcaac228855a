"""Folders of pictures with the quads of their words, in ICDAR's text format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...files import IMAGE_SUFFIXES
from ...folders import files_in
from ...geometry import turns
from ...icdar import parse_ground_truth

MOST_WORDS = 160  # of a picture in training
ABSENT, TEXT, IGNORED = 0, 1, 2  # the kinds of a word; absent ones pad the words of a picture to a common number


@dataclass(frozen=True, eq=False)
class Example:
    """One picture and its words.

    Attributes:
        image: the picture's path.
        quads: float32 ``(W, 4, 2)``, ``(x, y)`` in the picture's pixels, clockwise from the text's top-left corner.
        legible: bool ``(W,)``; a word that is not legible is neither text nor background to the network.
        texts: the W transcriptions, `icdar.DONT_CARE` where there is none.
    """

    image: Path
    quads: NDArray[np.float32]
    legible: NDArray[np.bool_]
    texts: tuple[str, ...]


def read_folder(
    images: str | Path, truths: str | Path | None = None, *, numbers: Iterable[int] | None = None
) -> list[Example]:
    """Reads a folder of pictures, each with its ``gt_<name>.txt`` in ``truths``, the same folder when None.

    ``numbers`` keeps the pictures ``img_<number>`` only, as the ICDAR sets name them.

    Raises:
        FileNotFoundError: for a missing folder, a picture without ground truth, or a folder without pictures.
        FormatError: for a malformed line of a ground truth.
    """
    folder, truth_folder = Path(images), Path(truths or images)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder of training images")
    names = None if numbers is None else {f"img_{number}" for number in numbers}
    examples = []
    for image in files_in(folder, IMAGE_SUFFIXES):
        if names is not None and image.stem not in names:
            continue
        path = truth_folder / f"gt_{image.stem}.txt"
        if not path.is_file():
            raise FileNotFoundError(f"{image} has no ground truth: {path} is missing")
        truth = parse_ground_truth(path.read_bytes(), str(path), lenient=True)
        legible = ~truth.dont_care & (turns(truth.quads) > 0).all(axis=1)  # convex
        examples.append(Example(image, truth.quads, legible, truth.transcriptions))
    if not examples:
        wanted = "" if names is None else " of the numbers asked for"
        raise FileNotFoundError(f"{folder} has no training images{wanted} ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return examples
