"""Detections: the words found in one image, and the forms in which people want them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from .icdar import format_lines, reportable
from .types import Precision, TextBox, Timings


@dataclass(frozen=True, eq=False)
class Detections(Sequence[TextBox]):
    """The words found in one image: a sequence of `TextBox`.

    Attributes:
        boxes: the words; their quads are in pixels of the upright image.
        width, height: size of the upright image in pixels.
        runtime, precision, weights: what found them.
        timings: milliseconds per step.
        tiles: how many tiles the image was cut into; 1 where it was seen whole.
        runs: how often the network ran for the image: once for each tile and for a reduced copy, if there was one, and
            all that four times where it looked in all directions.
        image: the upright image, uint8 RGB ``(height, width, 3)``; the array given, if that is what it was; None
            where it was not kept, and nothing can be drawn or cut out.
    """

    boxes: tuple[TextBox, ...]
    width: int
    height: int
    runtime: str
    precision: Precision
    timings: Timings
    image: NDArray[np.uint8] | None = field(repr=False)
    weights: str = ""
    tiles: int = 1
    runs: int = 1

    def __len__(self) -> int:
        return len(self.boxes)

    @overload
    def __getitem__(self, index: int) -> TextBox: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[TextBox, ...]: ...
    def __getitem__(self, index: int | slice) -> TextBox | tuple[TextBox, ...]:
        return self.boxes[index]

    @property
    def quads(self) -> NDArray[np.float32]:
        """The quads of all boxes, float32 ``(M, 4, 2)``."""
        return np.array([box.quad for box in self.boxes], np.float32).reshape(-1, 4, 2)

    def draw(self, *, scores: bool = False) -> NDArray[np.uint8]:
        """Outlines the words on a copy of the image, uint8 RGB; ``scores`` writes each box's score beside it."""
        from .draw import draw_boxes

        return draw_boxes(self._picture(), self.quads, [box.score for box in self.boxes] if scores else None)

    def crops(self, *, height: int | None = None, padding: float = 0.0) -> list[NDArray[np.uint8]]:
        """Cuts the words out, rectified so that their text runs from left to right: for a recogniser.

        Args:
            height: pixels every crop is high, its width following the word's aspect; the word's own size without it.
            padding: how much of the surroundings to keep on every side, as a share of the word's height.

        Returns:
            uint8 RGB images in the order of the boxes, none without pixels. See `east.crops.crop_word`.
        """
        from .crops import crop_word

        picture = self._picture()
        return [crop_word(picture, box.quad, height, padding) for box in self.boxes]

    def _picture(self) -> NDArray[np.uint8]:
        if self.image is None:
            raise ValueError(
                "the image of these detections was not kept: set it with dataclasses.replace(found, image=…)"
            )
        return self.image

    def to_dict(self) -> dict[str, Any]:
        """The result as the REST interface answers it; coordinates to 1/100 pixel."""
        return {
            "image": {"width": self.width, "height": self.height},
            "tiles": self.tiles,
            "runs": self.runs,
            "boxes": [
                {"quad": box.quad.astype(np.float64).round(2).tolist(), "score": round(float(box.score), 4)}
                for box in self
            ],
            "model": {"weights": self.weights, "runtime": self.runtime, "precision": str(self.precision)},
            "timings_ms": self.timings.as_dict(),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def to_csv(self) -> str:
        """One line ``x1,y1,x2,y2,x3,y3,x4,y4,score`` per word, under a header."""
        header = "x1,y1,x2,y2,x3,y3,x4,y4,score\n"
        return header + "".join(
            ",".join(f"{value:.2f}" for value in box.quad.ravel()) + f",{box.score:.4f}\n" for box in self
        )

    def to_icdar(self, *, scores: bool = False) -> str:
        """One line ``x1,y1,x2,y2,x3,y3,x4,y4`` of whole pixels per word, as ICDAR2015's task 4.1 takes it.

        Words with a side under 5 pixels are left out. Corners that lie outside the image stay there: the protocol
        compares areas. Clockwise it demands, so a sliver that rounding turns over is turned back. ``scores`` adds
        the score as a ninth value, with all the digits that a float32 needs: the protocol ranks by it.
        """
        written = reportable(self.quads)
        last = [_decimals(box.score) for box, is_written in zip(self, written, strict=True) if is_written]
        return format_lines(self.quads[written], last if scores else None)


def _decimals(score: float) -> str:
    """The fewest digits that no other float32 has, never with an exponent."""
    return np.format_float_positional(np.float32(score), trim="0")
