"""Rows of images mixed with each other, compiled by Numba: an image brought to another height."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
from numba import types
from numpy.typing import NDArray

from ..compiled import Entry, array, entry, inner
from . import sizing


@inner
def _share(sample: np.uint8, weight: np.int16) -> Any:
    """Four times what a sample adds, its weight in 2048ths."""
    return np.right_shift(np.multiply(np.int32(sample), np.int32(weight)), np.int32(9))


@entry(types.void, array(types.uint8, 2), types.uint8[:, ::1])
def mix_rows(rows: NDArray[np.uint8], mixed: NDArray[np.uint8]) -> None:
    """Fills ``mixed``, uint8 ``(M, K)``, with rows between those of ``rows``, uint8 ``(N, K)``.

    To the bit as OpenCV resizes bilinearly, which is in whole numbers, where the width stays the same. What is narrow
    stays so, which takes NumPy's functions: to Numba's operators all numbers have 64 bits.
    """
    last, step = len(rows) - 1, 1.0 / (len(mixed) / len(rows))
    for i in range(len(mixed)):
        at = np.float32((i + 0.5) * step - 0.5)
        first = math.floor(at)
        below = at - np.float32(first)
        one, other = np.int16(np.rint((np.float32(1) - below) * 2048)), np.int16(np.rint(below * 2048))
        upper, lower, row = rows[min(max(first, 0), last)], rows[min(max(first + 1, 0), last)], mixed[i]
        for k in range(len(row)):
            both = np.add(_share(upper[k], one), _share(lower[k], other))
            row[k] = np.right_shift(np.add(both, np.int32(2)), np.int32(2))


sizing.compiled_mix_rows = cast(Entry, mix_rows)
