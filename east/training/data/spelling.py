"""Words as numbers, for a network that learns to read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONGEST = 24  # letters of the longest word that is read
SYMBOLS = 37  # 26 letters of either case, ten digits, anything else


def spell(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Words as numbers ``(W, LONGEST)``: 1 to `SYMBOLS`, then 0; all 0 for a word that is too long."""
    spelled = np.zeros((len(texts), LONGEST), np.uint8)
    for row, text in zip(spelled, texts, strict=True):
        if len(text) <= LONGEST:
            row[: len(text)] = [_number(character) for character in text]
    return spelled


def _number(character: str) -> int:
    upper = character.upper()
    if len(upper) == 1 and "A" <= upper <= "Z":
        return ord(upper) - ord("A") + 1
    return ord(character) - ord("0") + 27 if "0" <= character <= "9" else SYMBOLS
