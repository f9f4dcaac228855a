"""Bars: short lines side by side that belong to no column below them, such as the entries of a page's navigation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .frame import Floats, Indices

_SLIVER = 0.1
"""Share of the less extended of two spans that they may have in common and yet be apart."""


def bars_of(x: Floats, y: Floats, single: NDArray[np.bool_]) -> Indices:
    """Finds the blocks that are read one after the other although what is below the first ones comes to mind.

    Columns are read downwards, and so would be the entry of a bar and the column below it, before the next entry. What
    tells a bar from the headings of columns: of what comes first below, one block lies under several of its entries.

    Args:
        x: where blocks begin and end along the page, ``(B, 2)``.
        y: likewise across it, downwards.
        single: whether a block is a single line, ``(B,)``.

    Returns:
        for each block the number of the first one of its bar, its own where it is in none; ``(B,)``.
    """
    owner = np.arange(len(x))
    order = np.argsort(y[:, 0], kind="stable")
    sliver = _SLIVER * (y[order, 1] - y[order, 0])
    low, reach = y[order, 0] + sliver, np.maximum.accumulate(y[order, 1] - sliver)
    ends = [*(np.flatnonzero(low[1:] >= reach[:-1]) + 1).tolist(), len(order)]
    for start, end in zip([0, *ends], ends, strict=False):
        band, below = order[start:end], order[end:]
        if len(band) < 2 or not single[band].all():
            continue
        common = np.minimum(x[below, None, 1], x[band, 1]) - np.maximum(x[below, None, 0], x[band, 0])
        narrower = np.minimum(np.diff(x[below]), np.diff(x[band])[:, 0])
        under = (common > _SLIVER * narrower).sum(axis=1)
        if (under > 0).any() and under[(under > 0).argmax()] > 1:
            owner[band] = band.min()
    return owner
