"""Images with word quadrilaterals, from any folder in ICDAR's text format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...files import IMAGE_SUFFIXES

ILLEGIBLE = "###"
ABSENT, TEXT, IGNORED = 0, 1, 2  # the kinds of a word; absent ones pad the words of a picture to a common number


@dataclass(frozen=True, eq=False)
class Example:
    """One picture and its words.

    image: the picture's path.
    quads: float32 ``(W, 4, 2)``, ``(x, y)`` in the picture's pixels, clockwise from the text's top-left corner.
    legible: bool ``(W,)``; a word that is not legible is neither text nor background to the network.
    texts: the W transcriptions, `ILLEGIBLE` where there is none.
    """

    image: Path
    quads: NDArray[np.float32]
    legible: NDArray[np.bool_]
    texts: tuple[str, ...]


def read_ground_truth(path: str | Path) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Reads one ICDAR2015 ground-truth file: ``x1,y1,x2,y2,x3,y3,x4,y4,transcription`` on each line.

    The transcription may hold commas; a byte-order mark and blank lines are allowed.

    Returns: quads, float32 ``(W, 4, 2)``, turned clockwise where the file has them the other way round; and the
        transcriptions.
    Raises: ValueError for a line that is not of this form, naming file and line.
    """
    quads: list[list[float]] = []
    texts: list[str] = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        fields = line.strip().split(",", 8)
        try:
            corners = [float(field) for field in fields[:8]]
            (text,) = fields[8:]
        except ValueError:
            raise ValueError(
                f"{path}, line {number}: expected eight coordinates and a transcription, got {line.strip()!r}"
            ) from None
        quads.append(corners)
        texts.append(text)
    return clockwise(np.asarray(quads, np.float32).reshape(-1, 4, 2)), tuple(texts)


def read_folder(
    images: str | Path, truths: str | Path | None = None, *, numbers: Iterable[int] | None = None
) -> list[Example]:
    """Reads a folder of pictures, each with its ``gt_<name>.txt``.

    Args:
        images: folder of the pictures.
        truths: folder of the ground truths; the pictures' own when None.
        numbers: keep the pictures ``img_<number>`` only, as the ICDAR sets name them.

    Raises: FileNotFoundError for a missing folder, a picture without ground truth, or a folder without pictures.
    """
    folder, truth_folder = Path(images), Path(truths or images)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder of training images")
    names = None if numbers is None else {f"img_{number}" for number in numbers}
    examples = []
    for image in sorted(folder.iterdir()):
        if image.suffix.lower() not in IMAGE_SUFFIXES or (names is not None and image.stem not in names):
            continue
        truth = truth_folder / f"gt_{image.stem}.txt"
        if not truth.is_file():
            raise FileNotFoundError(f"{image} has no ground truth: {truth} is missing")
        quads, texts = read_ground_truth(truth)
        legible = np.asarray([text != ILLEGIBLE for text in texts], bool) & convex(quads)
        examples.append(Example(image, quads, legible, texts))
    if not examples:
        wanted = "" if names is None else " of the numbers asked for"
        raise FileNotFoundError(f"{folder} has no training images{wanted} ({', '.join(sorted(IMAGE_SUFFIXES))})")
    return examples


def write_ground_truth(path: str | Path, quads: NDArray[np.float32], texts: Iterable[str]) -> None:
    """Writes what `read_ground_truth` reads; coordinates are rounded to whole pixels."""
    rows = [",".join(str(round(float(c))) for c in quad.reshape(-1)) for quad in quads]
    lines = [f"{row},{text}\n" for row, text in zip(rows, texts, strict=True)]
    Path(path).write_text("".join(lines), encoding="utf-8")


def clockwise(quads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Quads ``(W, 4, 2)`` with those that run counter-clockwise reversed; the first corner stays first."""
    turned = quads[:, [0, 3, 2, 1]]
    return np.where((signed_areas(quads) < 0)[:, None, None], turned, quads)


def signed_areas(quads: NDArray[np.float32]) -> NDArray[np.float32]:
    """Areas of quads ``(W, 4, 2)`` in square pixels, positive when clockwise on the screen (y down)."""
    x, y = quads[..., 0], quads[..., 1]
    return np.asarray(0.5 * np.sum(x * np.roll(y, -1, -1) - y * np.roll(x, -1, -1), axis=-1), np.float32)


def convex(quads: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of the clockwise quads ``(W, 4, 2)`` turn right at every corner."""
    edges = np.roll(quads, -1, axis=1) - quads
    following = np.roll(edges, -1, axis=1)
    turns = edges[..., 0] * following[..., 1] - edges[..., 1] * following[..., 0]
    return np.asarray((turns > 0).all(axis=1), bool)
