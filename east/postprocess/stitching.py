"""From the maps of overlapping tiles to those of the whole, before any box is made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..types import STRIDE, Candidates, Tiles
from .rbox import decode_quads

_CUT: Final = 8.0
"""Pixels: what comes so near to a side at which a tile was cut may go on beyond it."""

_SAMPLES: Final = 32
"""Points of a line of at most some 1000 pixels at which it is looked whether it meets something: of an overlap, three
at least."""


def stitch(parts: Sequence[Candidates], tiles: Tiles) -> Candidates:
    """Makes the candidates of tiles those of the whole image.

    Where tiles overlap, a pixel is taken from the tile that sees its word with the most room to the sides at which
    the tile was cut. So a word on a seam that one of the tiles sees whole has all its pixels from there, and becomes
    one box like any other. A pixel whose word is cut in every tile is a candidate where the tile in which it is
    farthest from such sides says so, and reaches as far as any of them sees; the rest of that word is left to it.

    Args:
        parts: of each tile, in the order of ``tiles.corners``.
        tiles: how the image was cut.

    Returns:
        the candidates, and a score map, of all that was cut.
    """
    if len(parts) == 1:
        return parts[0]
    height, width = (side // STRIDE for side in tiles.image)
    owner = _owners(tiles)
    score_map = np.zeros((height, width), np.float32)
    indices, ranks, scores, geometries = [], [], [], []
    for number, (part, (top, left)) in enumerate(zip(parts, tiles.corners, strict=True)):
        place = _window(tiles, number)
        np.copyto(score_map[place], part.score_map, where=owner[place] == number)
        rows, columns = part.pixels.T
        index = (rows + top // STRIDE) * width + columns + left // STRIDE
        room = _room(decode_quads(part), tiles, number)
        indices.append(index)
        ranks.append(np.where(room > _CUT, room, owner.ravel()[index] == number))
        scores.append(part.score_map[rows, columns])
        geometries.append(part.geometry)
    if not sum(map(len, indices)):
        return Candidates(parts[0].pixels[:0], parts[0].geometry[:0], score_map)
    index, rank, score, geometry = map(np.concatenate, (indices, ranks, scores, geometries))
    order = np.lexsort((-rank, index))  # row by row, and of one pixel the best first
    first = np.flatnonzero(np.diff(index[order], prepend=-1))
    counts = np.diff(first, append=len(order))
    several = counts > 1
    best = order[first]
    farthest = np.maximum.reduceat(_named_like(geometry, np.repeat(best, counts), order), first)
    index, rank, score, geometry = index[best], rank[best], score[best], geometry[best]
    cut = rank <= _CUT
    geometry[cut, :4] = farthest[cut]
    pixels = np.stack(np.divmod(index, width), axis=1).astype(np.int32)
    joined = np.zeros((height, width), np.bool_)
    joined[tuple(pixels[(rank == 1) & several].T)] = True
    kept = rank > 0
    alone = np.flatnonzero((rank == 1) & ~several)
    kept[alone] = ~_crosses(decode_quads(Candidates(pixels[alone], geometry[alone], score_map)), joined)
    score_map[tuple(pixels[kept].T)] = score[kept]
    return Candidates(pixels[kept], geometry[kept], score_map)


def _named_like(geometry: NDArray[np.float32], best: NDArray[np.intp], order: NDArray[np.intp]) -> NDArray[np.float32]:
    """The distances, ``(K, 4)``, of pixels in an order, to the sides that each one's best calls top, right and so on.

    Near 45 degrees a tile may call right what the other calls top; a quarter turn tells.
    """
    turns = np.rint((geometry[order, 4] - geometry[best, 4]) / (np.pi / 2)).astype(np.intp)
    sides = (np.arange(4) + turns[:, None]) % 4
    return np.take_along_axis(geometry[order, :4], sides, axis=1)


def _crosses(quads: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which quads, ``(K, 4, 2)`` in network-input pixels, have a middle line that meets the mask, ``(h, w)``."""
    middles = (quads + np.roll(quads, -1, axis=1)) / 2  # (K, 4, 2): of the top, right, bottom and left side
    share = np.linspace(0, 1, _SAMPLES, dtype=np.float32)[:, None, None, None]
    points = middles[:, :2] + share * (middles[:, 2:] - middles[:, :2])  # (samples, K, 2, 2)
    columns, rows = np.moveaxis((points / STRIDE).astype(np.intp), -1, 0)
    rows, columns = (np.clip(places, 0, side - 1) for places, side in zip((rows, columns), mask.shape, strict=True))
    return np.asarray(mask[rows, columns].any(axis=(0, 2)))


def _window(tiles: Tiles, number: int) -> tuple[slice, slice]:
    """Where a tile lies in the map of the whole."""
    rows, columns = (
        slice(start // STRIDE, (start + side) // STRIDE)
        for start, side in zip(tiles.corners[number], tiles.tile, strict=True)
    )
    return rows, columns


def _owners(tiles: Tiles) -> NDArray[np.int32]:
    """For each pixel of the map the tile in which it is farthest from the sides at which tiles were cut."""
    tops, lefts = (sorted(set(starts)) for starts in zip(*tiles.corners, strict=True))
    row = _nearest(tops, tiles.tile.height, tiles.image.height)
    column = _nearest(lefts, tiles.tile.width, tiles.image.width)
    return (row[:, None] * len(lefts) + column).astype(np.int32)


def _nearest(starts: Sequence[int], side: int, whole: int) -> NDArray[np.intp]:
    """For each pixel along one side of the map the piece, of those that begin there, whose middle it is nearest to."""
    seams = [(before + side + after) / 2 for before, after in pairwise(starts)]
    return np.searchsorted(seams, STRIDE * np.arange(whole // STRIDE))


def _room(quads: NDArray[np.float32], tiles: Tiles, number: int) -> NDArray[np.float32]:
    """Pixels, ``(K,)``, from each quad ``(K, 4, 2)`` of a tile to the nearest side at which the tile was cut."""
    room = np.full(len(quads), np.inf, np.float32)
    for axis, (start, side, whole) in enumerate(
        zip(tiles.corners[number][::-1], tiles.tile[::-1], tiles.image[::-1], strict=True)
    ):
        if start > 0:
            room = np.minimum(room, quads[:, :, axis].min(axis=1))
        if start + side < whole:
            room = np.minimum(room, side - quads[:, :, axis].max(axis=1))
    return room
