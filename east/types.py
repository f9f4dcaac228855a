"""The values that pass between the steps: pure data, NumPy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from operator import index
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

STRIDE = 4
"""Network-input pixels per pixel of the maps."""

MEAN_RGB = (123.68, 116.78, 103.94)
"""What the network subtracts from an image: ImageNet's mean colour."""

FILL = (124, 117, 104)
"""What an image is padded with: the mean colour, which the network sees as nothing."""


Scoring = Literal["confidence", "peak", "original"]
"""What a box's score is: the probability that it is a word; the highest score of a pixel in its core, which that is
made of; or the mean of the pixels in the quad, as in the original code."""


class Precision(str, Enum):
    """Precision the user asks for; a runtime names the arithmetic it really uses."""

    FP32 = "FP32"
    FP16 = "FP16"
    INT8 = "INT8"

    def __str__(self) -> str:
        return self.value


class Size(NamedTuple):
    """Image size in pixels, height first as in array shapes."""

    height: int
    width: int

    def __str__(self) -> str:
        return f"{self.height}x{self.width}"

    @classmethod
    def of_network(cls, size: Sequence[int]) -> Size:
        """A size the network takes. Raises ``ValueError``, saying what it must be, for any other."""
        try:
            height, width = map(index, size)
        except (TypeError, ValueError):
            height = width = 0
        if min(height, width) < 32 or height % 32 or width % 32:
            raise ValueError(f"must be (height, width), both multiples of 32, got {size}")
        return cls(height, width)


class Tiles(NamedTuple):
    """How an image too large for one look is cut: overlapping tiles of one size, row by row.

    image: size of what is cut, in network-input pixels.
    tile: size of each.
    corners: top and left of each, in network-input pixels, multiples of 32.
    """

    image: Size
    tile: Size
    corners: tuple[tuple[int, int], ...]


class Maps(NamedTuple):
    """What the network says about a batch of images, at stride 4.

    score: float32 ``(N, H/4, W/4)``, probability that the pixel lies on text.
    geometry: float32 ``(N, H/4, W/4, 5)``, distances from the pixel's image point to the top,
        right, bottom and left side of its rectangle in network-input pixels, then its angle in radians.
    """

    score: NDArray[np.float32]
    geometry: NDArray[np.float32]


class Candidates(NamedTuple):
    """The pixels of one image's maps that passed the score threshold, in row-major order.

    pixels: int32 ``(K, 2)``, row and column in the map; map pixel ``(i, j)`` is image point ``(4j, 4i)``.
    geometry: float32 ``(K, 5)``, as in `Maps`.
    score_map: float32 ``(H/4, W/4)``, the whole map, because a box is scored by what is inside it.
    """

    pixels: NDArray[np.int32]
    geometry: NDArray[np.float32]
    score_map: NDArray[np.float32]


@dataclass(frozen=True, eq=False, slots=True)
class TextBox:
    """One word.

    quad: float32 ``(4, 2)``, corners ``(x, y)`` clockwise from the text's top-left corner, in pixels
        of the upright image, origin at its top-left corner.
    score: probability that it is a word, 0..1, or what else `Scoring` asks for.
    text: what a recogniser read, see `east.Detections.read`; None where none has.
    text_confidence: how sure it was, 0..1.
    """

    quad: NDArray[np.float32]
    score: float
    text: str | None = None
    text_confidence: float | None = None


@dataclass
class Timings:
    """Milliseconds spent on one image; in a batch, the batch's time divided by its images."""

    decode: float = 0.0
    resize: float = 0.0
    network: float = 0.0
    postprocess: float = 0.0

    @property
    def total(self) -> float:
        return self.decode + self.resize + self.network + self.postprocess

    def as_dict(self) -> dict[str, float]:
        return {**{name: round(ms, 3) for name, ms in asdict(self).items()}, "total": round(self.total, 3)}
