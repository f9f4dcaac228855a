"""From the quads of words to lines, blocks and the order in which they are read."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .frame import quad_around

__all__ = ["quad_around", "reading_order"]


def reading_order(quads: NDArray[Any]) -> list[list[list[int]]]:
    """Puts words in the order in which they are read.

    Args:
        quads: ``(N, 4, 2)``, clockwise from each text's top-left corner, in pixels.

    Returns:
        blocks in reading order, in each its lines, in each the numbers of its words; each word is in one line.
    """
    from .order import blocks_in_order  # Numba takes long to load

    return blocks_in_order(quads)
