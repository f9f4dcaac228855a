"""From the quads of words to lines, blocks and the order in which they are read: plain NumPy."""

from .frame import quad_around
from .order import reading_order

__all__ = ["quad_around", "reading_order"]
