"""Images too large for one look of the network: at which scale it sees them, and how they are cut into tiles.

The network finds words of about 10 to 150 pixels of its input. An image is seen whole, shrunk until its long side is
`MAX_SIDE`, where that leaves small words large enough; else it keeps more of its pixels and is cut into tiles no
larger than that.
"""

from __future__ import annotations

from typing import Final

from ..options import MAX_SIDE, DetectorOptions
from ..types import Size, Tiles
from .sizing import network_size

OVERLAP: Final = 416
"""Pixels that neighbouring tiles share, less up to 32 that rounding takes: a word on a seam that is no longer is seen
whole by one of them. In smaller tiles it is a quarter of their side."""

_LEAST_SCALE: Final = 0.5
"""The most that pixels are shrunk in an image that is cut; one that would be shrunk more is."""

_LEAST_SCALE_OF_SMALL: Final = 0.75
"""Likewise for an image with no more pixels than the largest that is seen whole, such as a long narrow one."""


def network_size_of(size: Size, options: DetectorOptions) -> Size:
    """The size at which the network sees an upright image of ``size``, in one piece or in tiles."""
    if options.fixed_size is not None:
        return options.fixed_size
    if options.max_side is not None:
        return network_size(size, options.max_side, options.rounding)
    if options.tiling == "auto":
        return network_size(size, _longest(size), options.rounding)
    return network_size(size, MAX_SIDE if options.tiling == "off" else _full(size), options.rounding)


def tiles_of(size: Size, options: DetectorOptions) -> Tiles:
    """How an image that has been brought to a network size is cut; into one tile where it is seen whole.

    Args:
        size: from `network_size_of`.
        options: the same as there.
    """
    most = max(size)
    if options.fixed_size is None:
        if options.tiling == "auto" and options.max_side is None:
            most = MAX_SIDE
        elif not isinstance(options.tiling, str):
            most = options.tiling // 32 * 32
    height, tops = _cut(size.height, most)
    width, lefts = _cut(size.width, most)
    return Tiles(size, Size(height, width), tuple((top, left) for top in tops for left in lefts))


def _longest(size: Size) -> int:
    """The long side at which an image is seen."""
    short, longest = sorted(size)
    whole = min(1.0, MAX_SIDE / longest)
    small = short * longest <= MAX_SIDE**2
    if whole >= (_LEAST_SCALE_OF_SMALL if small else _LEAST_SCALE):
        return MAX_SIDE
    return int(_full(size) * min(1.0, max(_LEAST_SCALE, MAX_SIDE / short)))


def _full(size: Size) -> int:
    """The long side at which nothing is shrunk, but in a strip so narrow that the network would see far more of it."""
    return max(size) if min(size) >= 32 else min(max(32, *size), MAX_SIDE**2 // 32)


def _cut(side: int, most: int) -> tuple[int, tuple[int, ...]]:
    """Length of the tiles along one side, at most ``most``, and where they begin; multiples of 32."""
    if side <= most:
        return side, (0,)
    overlap = min(OVERLAP, most // 4 // 32 * 32)
    count = -((overlap - side) // (most - overlap))  # rounded up
    length = -((side + (count - 1) * overlap) // -count)
    length = -(length // -32) * 32
    return length, tuple((side - length) * k // (count - 1) // 32 * 32 for k in range(count))
