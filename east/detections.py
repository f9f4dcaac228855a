"""Detections: the words found in one image, and the forms in which people want them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from .icdar import format_lines, reportable
from .reading import BATCH, Recogniser, read_crops
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
        """Outlines the words on a copy of the image, uint8 RGB.

        What was read is written beside each word, and its score with ``scores``.
        """
        from .draw import draw_boxes

        numbers = [box.score for box in self.boxes] if scores else None
        return draw_boxes(self._picture(), self.quads, numbers, [box.text or "" for box in self.boxes])

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

    def read(
        self,
        recogniser: Recogniser,
        *,
        bgr: bool = False,
        padding: float = 0.0,
        batch: int = BATCH,
        before_each: Callable[[], None] = lambda: None,
    ) -> Detections:
        """Reads the words: the same detections, with the text of each box and how sure the recogniser was of it.

        ::

            from east.ocr import RapidOcr

            print(detector.detect("sign.jpg").read(RapidOcr()).text)

        Args:
            recogniser: any function from a list of crops, uint8 ``(H, W, 3)`` each, to a ``(text, confidence)`` for
                each; `east.ocr` has some.
            bgr: the recogniser takes blue, green and red, in this order.
            padding: see `crops`. None by default: a recogniser of words reads worse with what is around them.
            batch: how many crops it is given at once at most, those of like shape together.
            before_each: called before each batch; what it raises ends the reading.

        Raises:
            TypeError, ValueError: the recogniser gave something else than it should.
        """
        crops = self.crops(padding=padding)
        texts = read_crops(recogniser, crops, bgr=bgr, batch=batch, before_each=before_each)
        return self.with_texts(texts)

    def with_texts(self, texts: Sequence[tuple[str, float]]) -> Detections:
        """The same detections with a text and its confidence for each box, in their order."""
        boxes = zip(self.boxes, texts, strict=True)
        return replace(self, boxes=tuple(replace(box, text=text, text_confidence=sure) for box, (text, sure) in boxes))

    @property
    def is_read(self) -> bool:
        """Whether a recogniser has read the words; true of no words at all."""
        return all(box.text is not None for box in self.boxes)

    @property
    def text(self) -> str:
        """The whole text, a line for each line of the image, without words in which nothing was read.

        Raises ``ValueError`` where no recogniser has read the words.
        """
        if not self.is_read:
            raise ValueError("these words have not been read: call found.read(recogniser) first")
        return "\n".join(" ".join(texts) for line in self._lines() if (texts := [box.text for box in line if box.text]))

    def _lines(self) -> Sequence[Sequence[TextBox]]:
        """STAND-IN for `lines`: every word is a line of its own."""
        return [[box] for box in self.boxes]

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
            "boxes": [_as_dict(box) for box in self],
            "model": {"weights": self.weights, "runtime": self.runtime, "precision": str(self.precision)},
            "timings_ms": self.timings.as_dict(),
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def to_csv(self, *, texts: bool | None = None) -> str:
        """One line ``x1,y1,x2,y2,x3,y3,x4,y4,score`` per word, under a header.

        With ``texts`` each has ``,text,text_confidence`` besides; by default where the words have been read.
        """
        is_read = bool(self.boxes) and self.is_read if texts is None else texts
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        corners = [f"{axis}{corner}" for corner in range(1, 5) for axis in "xy"]
        writer.writerow([*corners, "score", *(["text", "text_confidence"] if is_read else [])])
        for box in self:
            read = [box.text, f"{box.text_confidence or 0:.4f}"] if is_read else []
            writer.writerow([*(f"{value:.2f}" for value in box.quad.ravel()), f"{box.score:.4f}", *read])
        return file.getvalue()

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


def _as_dict(box: TextBox) -> dict[str, Any]:
    """A word as JSON values; without a text where none was read."""
    told: dict[str, Any] = {
        "quad": box.quad.astype(np.float64).round(2).tolist(),
        "score": round(float(box.score), 4),
    }
    if box.text is not None:
        told |= {"text": box.text, "text_confidence": round(float(box.text_confidence or 0), 4)}
    return told
