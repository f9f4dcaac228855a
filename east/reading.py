"""Words handed to a recogniser, and the texts that come back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .cores import usable_cores
from .option_fields import check_counts, check_switches
from .options import ReadingOptions

Crop: TypeAlias = NDArray[np.uint8]

Recogniser: TypeAlias = Callable[[list[Crop]], Sequence[tuple[str, float]]]
"""Reads words: takes a list of crops, each uint8 ``(H, W, 3)``, and gives a ``(text, confidence)`` for each, in order.

The confidence is 0..1; the text of a crop that shows none is empty. White space around a text, or a line end in it, may
be left there: a word is kept as one line.
"""

BATCH = 32
"""How many words a recogniser is given at once, where nobody says otherwise."""

TALL = 1.5
"""Height by width from which a crop may hold text on its side; the figure is PaddleOCR's."""

_WANTED = "a recogniser is a function from crops to a (text, confidence) for each, such as east.ocr.RapidOcr()"
_ROUNDING = 1e-3  # a mean of probabilities in half precision may be a little over 1


def read_crops(
    recogniser: Recogniser,
    crops: Sequence[Crop],
    *,
    bgr: bool = False,
    batch: int = BATCH,
    before_each: Callable[[], None] = lambda: None,
) -> list[tuple[str, float]]:
    """Reads words, those of like shape together.

    Recognisers scale all words of a batch to one height and fill the shorter ones up to the longest. So the words go by
    their aspect, from short to long.

    One that is `TALL` or more is read upright, as a single letter, and turned to the left and to the right, as text on
    its side; the surest of the three counts, upright where they are equal.

    Args:
        recogniser: see `Recogniser`.
        crops: uint8 RGB ``(H, W, 3)`` each.
        bgr: the recogniser takes blue, green and red, in this order.
        batch: how many crops it is given at once at most.
        before_each: called before each batch; what it raises ends the reading.

    Returns:
        text and confidence of each crop, in the order of the crops.

    Raises:
        TypeError, ValueError: the recogniser is none, or gave something else than it should; one line says what.
    """
    check_switches(bgr=bgr)
    if isinstance(recogniser, type):
        raise TypeError(f"{_WANTED}, got the class {recogniser.__name__}: make one of it, {recogniser.__name__}()")
    if not callable(recogniser):
        raise TypeError(f"{_WANTED}, got {_shown(recogniser)}")
    check_counts(batch=batch)
    views = [(index, view) for index, crop in enumerate(crops) for view in _views(crop)]
    order = sorted(range(len(views)), key=lambda number: views[number][1].shape[1] / views[number][1].shape[0])
    read: dict[int, tuple[str, float]] = {}
    for start in range(0, len(order), batch):
        before_each()
        some = order[start : start + batch]
        given = [np.ascontiguousarray(views[number][1][..., ::-1] if bgr else views[number][1]) for number in some]
        read.update(zip(some, _checked(recogniser(given), len(given)), strict=True))
    texts: dict[int, tuple[str, float]] = {}
    for number, (index, _) in enumerate(views):
        if index not in texts or read[number][1] > texts[index][1]:
            texts[index] = read[number]
    return [texts[index] for index in range(len(crops))]


def checked_threshold(text_threshold: float) -> float:
    """A threshold of the confidence of texts as it is. Raises ``TypeError`` or ``ValueError`` for what is none."""
    if text_threshold is None:  # an option that was not given, elsewhere
        raise TypeError("text_threshold must be a number from 0 to 1, got None")
    return ReadingOptions(text_threshold=text_threshold).least_confidence


def is_believed(score: float, confidence: float, threshold: float) -> bool:
    """Whether a box whose text was read with this confidence counts as a word.

    The confidence must be ``threshold ** score``: the threshold where the box surely is one, ever more the less sure
    that is. All confidences and scores count where the threshold is 0. The score is taken for a probability, which the
    mean of the map (``scoring="original"``) is not: it would ask too much.
    """
    return threshold == 0 or confidence >= threshold**score


def threads_beside(threads: int | None) -> int:
    """Threads of a recogniser that reads while a detector, which may have ``threads``, is at the next image: half."""
    return max(1, (threads or usable_cores()) // 2)


def _views(crop: Crop) -> list[Crop]:
    """A crop as it may have to be seen to be read."""
    height, width = crop.shape[:2]
    return [crop] if height < TALL * width else [crop, np.rot90(crop), np.rot90(crop, -1)]


def _checked(answer: Any, count: int) -> Iterator[tuple[str, float]]:
    wanted = "a recogniser must give one (text, confidence) for each crop"
    try:
        pairs = list(answer)
    except TypeError:
        raise TypeError(f"{wanted}, got {type(answer).__name__} for {count} crops") from None
    if len(pairs) != count:
        raise ValueError(f"{wanted}, got {len(pairs)} for {count} crops")
    for pair in pairs:
        try:
            text, confidence = pair
            if isinstance(pair, str) or not isinstance(text, str):
                raise TypeError
            number = float(confidence)
        except (TypeError, ValueError):
            raise TypeError(f"{wanted}, a string and a number, got {_shown(pair)}") from None
        if not -_ROUNDING <= number <= 1 + _ROUNDING:
            raise ValueError(f"{wanted}, the confidence between 0 and 1, got {_shown(pair)}")
        yield " ".join(text.split()), min(1.0, max(0.0, number))


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
