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


def stitch(parts: Sequence[Candidates], tiles: Tiles) -> Candidates:
    """Makes the candidates of tiles those of the whole image.

    Where tiles overlap, a pixel is taken from the tile that sees its word with the most room to the sides at which
    the tile was cut. So a word on a seam that one of the tiles sees whole has all its pixels from there, and becomes
    one box like any other. Pixels of a word that no tile sees whole, and those of no word, are taken from the tile
    in which they are farthest from such a side.

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
    indices, ranks, scores, geometry = [], [], [], []
    for number, (part, (top, left)) in enumerate(zip(parts, tiles.corners, strict=True)):
        place = _window(tiles, number)
        np.copyto(score_map[place], part.score_map, where=owner[place] == number)
        rows, columns = part.pixels.T
        rows_of_all, columns_of_all = rows + top // STRIDE, columns + left // STRIDE
        room = _room(decode_quads(part), tiles, number)
        owned = owner[rows_of_all, columns_of_all] == number
        rank = np.where(room > _CUT, room, np.where(owned, 0.0, -1.0))
        kept = rank >= 0
        indices.append((rows_of_all * width + columns_of_all)[kept])
        ranks.append(rank[kept])
        scores.append(part.score_map[rows, columns][kept])
        geometry.append(part.geometry[kept])
    index = np.concatenate(indices)
    order = np.lexsort((-np.concatenate(ranks), index))  # row by row, and of one pixel the best first
    order = order[np.diff(index[order], prepend=-1) > 0]
    pixels = np.stack(np.divmod(index[order], width), axis=1).astype(np.int32)
    score_map[tuple(pixels.T)] = np.concatenate(scores)[order]
    return Candidates(pixels, np.concatenate(geometry)[order], score_map)


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
