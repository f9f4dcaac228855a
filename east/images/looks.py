"""All that the network is shown of one image: in which directions, in how many tiles, and reduced."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..options import DetectorOptions
from ..types import Size, Tiles
from .reduction import reduced_size
from .tiling import tiles_of


class Look(NamedTuple):
    """What the network is shown of an image in one direction.

    turn: quarter turns, counter-clockwise, by which the image is turned; text that runs so many quarter turns clockwise
        of upright is upright then.
    tiles: how the turned image is cut.
    reduced: size of its reduced copy, None where there is none.
    """

    turn: int
    tiles: Tiles
    reduced: Size | None

    @property
    def sizes(self) -> list[Size]:
        """Sizes of what it is given."""
        return [self.tiles.tile, *filter(None, [self.reduced])]

    @property
    def runs(self) -> int:
        """How often the network runs."""
        return len(self.tiles.corners) + (self.reduced is not None)

    @property
    def pixels(self) -> int:
        """How many pixels it is given."""
        height, width = self.tiles.tile
        reduced = self.reduced or (0, 0)
        return len(self.tiles.corners) * height * width + reduced[0] * reduced[1]


def looks_of(size: Size, options: DetectorOptions) -> tuple[Look, ...]:
    """What the network is shown of an image that has been brought to a network size, one look for each direction."""
    turns = range(4 if options.orientations == "all" else 1)
    sizes = [size if turn % 2 == 0 else Size(size.width, size.height) for turn in turns]
    return tuple(
        Look(turn, tiles_of(one, options), reduced_size(one, options)) for turn, one in zip(turns, sizes, strict=True)
    )


def turned(image: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    """An image, uint8 ``(H, W, 3)``, turned by quarter turns counter-clockwise; by none it is returned itself."""
    return np.ascontiguousarray(np.rot90(image, turn)) if turn else image


def turn_back(quads: NDArray[np.float32], look: Look) -> NDArray[np.float32]:
    """Maps quads, ``(M, 4, 2)`` of ``(x, y)``, from pixels of an image as it is turned for a look to its own."""
    x, y = np.moveaxis(quads, -1, 0)
    height, width = look.tiles.image  # turned
    back = ((x, y), (height - y, x), (width - x, height - y), (y, width - x))
    return np.asarray(np.stack(back[look.turn], axis=-1), np.float32)
