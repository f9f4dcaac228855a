"""Detections: the words found in one image, and the forms in which people want them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from operator import index as as_index
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from . import plain
from .layout import reading_order
from .options import PDF_DPI
from .reading import BATCH, Recogniser, checked_threshold, is_believed, read_crops
from .text_lines import TextLine
from .types import Precision, TextBox, Timings

if TYPE_CHECKING:
    import os

    import pandas as pd  # type: ignore[import-untyped]
    import shapely
    import supervision as sv

Several: TypeAlias = slice | Sequence[int] | NDArray[np.bool_] | NDArray[np.integer[Any]]
"""What stands for several words: a slice, a mask with a truth value for each word, or their numbers."""


@dataclass(frozen=True, eq=False, repr=False)
class Detections(Sequence[TextBox]):
    """The words found in one image: a sequence of `TextBox` in reading order.

    Attributes:
        boxes: the words; their quads are in pixels of the upright image, origin at its top-left corner, and may leave
            it where a word is cut off by its edge (see `clipped`).
        width, height: size of the upright image in pixels.
        runtime, precision, weights: what found them.
        timings: milliseconds per step.
        tiles: how many tiles the image was cut into; 1 where it was seen whole.
        runs: how often the network ran for the image: once for each tile and for a reduced copy, if there was one, and
            all that four times where it looked in all directions.
        image: the upright image, uint8 RGB ``(height, width, 3)``; the array given, if that is what it was; None
            where it was not kept, and nothing can be drawn or cut out.
        source: the file that the image was read from, as it was given; ``scan.pdf#page=3`` for a page of a PDF; empty
            for an image that came from no file.
        was_read: whether a recogniser was asked for texts, which no words that are left tell; see `is_read`.
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
    source: str = ""
    runs: int = 1
    was_read: bool = False

    def __len__(self) -> int:
        return len(self.boxes)

    @overload
    def __getitem__(self, index: int | np.integer[Any]) -> TextBox: ...
    @overload
    def __getitem__(self, index: Several) -> Detections: ...
    def __getitem__(self, index: int | np.integer[Any] | Several) -> TextBox | Detections:
        """One word by its number, or the `Detections` of several: ``found[:5]``, ``found[mask]``, ``found[[4, 0]]``.

        Raises ``IndexError`` for a word that is not there or a mask that is not as long as the words are many.
        """
        if isinstance(index, slice):
            return replace(self, boxes=self.boxes[index], was_read=self.is_read)
        if isinstance(index, (Sequence, np.ndarray)) and np.ndim(index):
            kept = tuple(self.boxes[one] for one in _numbers(index, len(self)))
            return replace(self, boxes=kept, was_read=self.is_read)
        return self.boxes[as_index(index)]  # type: ignore[arg-type]

    def __repr__(self) -> str:
        words = "1 word" if len(self) == 1 else f"{len(self)} words"
        return f"<Detections: {words} in {self.width}x{self.height}, {self.runtime} {self.precision}>"

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: the quads as one array, which takes a tenth of the room that one for each word does."""
        columns = {one.name: [getattr(box, one.name) for box in self.boxes] for one in fields(TextBox)}
        return {**vars(self), "boxes": {**columns, "quad": self.quads}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        columns = state["boxes"]
        rows = zip(*columns.values(), strict=True)
        boxes = tuple(TextBox(**dict(zip(columns, row, strict=True))) for row in rows)
        vars(self).update(state, boxes=boxes)

    @property
    def quads(self) -> NDArray[np.float32]:
        """The quads of all words, float32 ``(N, 4, 2)``, clockwise from each text's top-left corner."""
        return np.array([box.quad for box in self.boxes], np.float32).reshape(-1, 4, 2)

    @property
    def scores(self) -> NDArray[np.float32]:
        """The scores of all words, float32 ``(N,)``."""
        return np.array([box.score for box in self.boxes], np.float32)

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """The upright rectangles around all words, left, top, right and bottom: float32 ``(N, 4)``."""
        quads = self.quads
        return np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)

    @property
    def polygons(self) -> list[NDArray[np.float32]]:
        """The quads one by one, N arrays float32 ``(4, 2)``, as drawing functions take polygons."""
        return list(self.quads)

    def where(self, mask: NDArray[np.bool_] | Sequence[bool]) -> Detections:
        """The words for which a mask of N truth values holds: ``found.where(found.scores > 0.5)``.

        Raises ``IndexError`` for a mask of another length, and ``TypeError`` for what is no mask.
        """
        values = np.asarray(mask)
        if values.dtype != bool and values.size:
            raise TypeError(f"where takes a mask, such as found.scores > 0.5, got {mask!r}")
        return self[values.astype(np.bool_)]

    def clipped(self) -> Detections:
        """The same words, none outside the image: each corner that is outside goes to the nearest point of its edge."""
        if not self.boxes:
            return self
        quads = self.quads.clip(0, np.array([self.width, self.height], np.float32))
        return replace(self, boxes=tuple(replace(box, quad=quad) for box, quad in zip(self, quads, strict=True)))

    def draw(self, *, scores: bool = False, texts: bool = True) -> NDArray[np.uint8]:
        """Outlines the words on a copy of the image and labels them in the free space beside them.

        Args:
            scores: write each word's score.
            texts: write what was read in each word, where something was.

        Returns:
            uint8 RGB ``(height, width, 3)``. No label covers a word or another label; one for which there is no room
            is left out.

        Raises:
            ValueError: the image was not kept.
        """
        from .draw import draw_boxes

        return draw_boxes(self._picture(), self.quads, self._labels(scores, texts))

    def show(self) -> None:
        """Shows the words outlined on the image: in a notebook below the cell, else in a window.

        Raises:
            DisplayError: there is no display, or no program that shows images.
            ValueError: the image was not kept.
        """
        from .display import show

        show(self.draw())

    def _repr_png_(self) -> bytes | None:
        """What a notebook shows: the words outlined on the image, made smaller where it is large."""
        from .display import for_notebook

        return None if self.image is None else for_notebook(self.image, self.quads, self._labels(False, True))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the result in the format that the name's ending calls for; `east.export.SUFFIXES` lists them.

        ``.json``, ``.csv``, ``.icdar.txt``, ``.txt`` (the text), ``.hocr``, ``.alto.xml``, ``.page.xml``,
        ``.coco.json``, ``.label-studio.json``, ``.pdf`` (searchable), and ``.png`` or ``.jpg`` (drawn). The file is
        there whole or not at all; parent folders are made.

        Raises:
            ValueError: an ending that stands for nothing here, the path of the picture itself, or a result without what
                that format needs.
            MissingPackageError: a PDF without the extra ``pdf``.
            OSError: the file cannot be written.
        """
        from .export import save

        save(self, path)

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
        text_threshold: float = 0.0,
        batch: int = BATCH,
        before_each: Callable[[], None] = lambda: None,
    ) -> Detections:
        """Reads the words: the detections with the text of each box and how sure the recogniser was of it.

        ::

            from east.ocr import RapidOcr

            print(detector.detect("sign.jpg").read(RapidOcr()).text)

        With a ``text_threshold`` what was not read surely enough is left out, so that doubtful words can be looked
        for, too; more words are then read, and fewer wrongly::

            detector.detect("sign.jpg", score_threshold=0.5).read(RapidOcr(), text_threshold=0.7)

        Args:
            recogniser: any function from a list of crops, uint8 ``(H, W, 3)`` each, to a ``(text, confidence)`` for
                each; `east.ocr` has some.
            bgr: the recogniser takes blue, green and red, in this order.
            padding: see `crops`. None by default: a recogniser of words reads worse with what is around them.
            text_threshold: 0..1, the least confidence of the text of a word that surely is one; of other words it must
                be ``text_threshold ** score``. 0 keeps all words; leave it at that with ``scoring="original"``, where
                even sure words score 0.2.
            batch: how many crops it is given at once at most, those of like shape together.
            before_each: called before each batch; what it raises ends the reading.

        Raises:
            TypeError, ValueError: the recogniser is none, or gave something else than it should; a threshold that is
                none.
        """
        checked_threshold(text_threshold)
        crops = self.crops(padding=padding)
        texts = read_crops(recogniser, crops, bgr=bgr, batch=batch, before_each=before_each)
        return self.with_texts(texts, text_threshold)

    def with_texts(self, texts: Sequence[tuple[str, float]], text_threshold: float = 0.0) -> Detections:
        """The detections with a text and its confidence for each box, in their order; see `read`."""
        least = checked_threshold(text_threshold)
        boxes = zip(self.boxes, texts, strict=True)
        kept = (
            replace(box, text=text, text_confidence=sure)
            for box, (text, sure) in boxes
            if is_believed(box.score, sure, least)
        )
        return replace(self, boxes=tuple(kept), was_read=True)

    @property
    def is_read(self) -> bool:
        """Whether a recogniser has read the words; of no words, whether one was to."""
        return all(box.text is not None for box in self.boxes) if self.boxes else self.was_read

    @property
    def text(self) -> str:
        """The whole text, a line for each line of the image, without words in which nothing was read.

        Paragraphs have an empty line around them.

        Raises ``ValueError`` where no recogniser has read the words; the text of no words is empty.
        """
        if self.boxes and not self.is_read:
            raise ValueError("these words have not been read: call found.read(recogniser) first")
        blocks = [[line.text for line in block if line.text] for block in self.blocks()]
        text, before = "", 0
        for lines in filter(None, blocks):
            text += "" if not text else "\n\n" if len(lines) > 1 or before > 1 else "\n"
            text += "\n".join(lines)
            before = len(lines)
        return text

    def lines(self) -> list[TextLine]:
        """The words in lines, in reading order; each word is in one line.

        Words stand in one line where each is the other's nearest neighbour along the text's own direction, so lines
        may lie in any direction; columns and signs side by side are apart. See `east.layout.lines`.
        """
        return [line for block in self.blocks() for line in block]

    def blocks(self) -> list[list[TextLine]]:
        """The lines in blocks, such as paragraphs, columns and signs, in reading order.

        See `east.layout.blocks` for what makes a block, and `east.layout.order` for their order.
        """
        return [
            [TextLine(tuple(self.boxes[word] for word in line)) for line in block]
            for block in reading_order(self.quads)
        ]

    def ranked(self) -> Detections:
        """The same words by falling score, in place of reading order."""
        return self[np.argsort(-self.scores, kind="stable")]

    def _picture(self) -> NDArray[np.uint8]:
        if self.image is None:
            raise ValueError(
                "the image of these detections was not kept: set it with dataclasses.replace(found, image=…)"
            )
        return self.image

    def _labels(self, scores: bool, texts: bool) -> list[str] | None:
        """What is written beside each word; None where nothing is beside any."""
        labels = [
            " ".join([*([box.text] if texts and box.text else []), *([f"{box.score:.2f}"] if scores else [])])
            for box in self.boxes
        ]
        return labels if any(labels) else None

    def to_dict(self) -> dict[str, Any]:
        """The result as the REST interface answers it; coordinates to 1/100 pixel."""
        return plain.to_dict(self)

    def to_json(self, *, indent: int | None = None) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def to_csv(self, *, texts: bool | None = None) -> str:
        """One line ``x1,y1,x2,y2,x3,y3,x4,y4,score`` per word, under a header.

        With ``texts`` each has ``,text,text_confidence`` besides; by default where the words have been read, however
        many of them are left.
        """
        return plain.to_csv(self, texts)

    def to_icdar(self, *, scores: bool = False) -> str:
        """One line ``x1,y1,x2,y2,x3,y3,x4,y4`` of whole pixels per word, as ICDAR2015's task 4.1 takes it.

        The word with the highest score comes first.
        Words with a side under 5 pixels are left out. Corners that lie outside the image stay there: the protocol
        compares areas. Clockwise it demands, so a sliver that rounding turns over is turned back. ``scores`` adds
        the score as a ninth value, with all the digits that a float32 needs: the protocol ranks by it.
        """
        return plain.to_icdar(self, scores)

    def to_hocr(self, name: str | None = None) -> str:
        """The page as hOCR 1.2, for tools that read what Tesseract writes. ``name``: of the image (default: source)."""
        from .export import to_hocr

        return to_hocr(self, name)

    def to_alto(self, name: str | None = None) -> str:
        """The page as ALTO 4.2 XML, as libraries and archives keep it. ``name``: of the image (default: source)."""
        from .export import to_alto

        return to_alto(self, name)

    def to_page_xml(self, name: str | None = None) -> str:
        """The page as PAGE XML (2019-07-15), as OCR-D and Transkribus read it. ``name``: of the image."""
        from .export import to_page_xml

        return to_page_xml(self, name)

    def to_pdf(self, *, dpi: float = PDF_DPI) -> bytes:
        """The image as a PDF page in which the words that were read can be searched and selected.

        Args:
            dpi: pixels per inch of paper, which decides how large the page is (an A4 page has 1654x2339 at 200).

        Raises:
            MissingPackageError: without the extra ``pdf``.
            ValueError: the image was not kept.
        """
        from .export import to_pdf

        return to_pdf([self], dpi=dpi)

    def to_supervision(self) -> sv.Detections:
        """The words as `supervision.Detections`; needs supervision.

        ``xyxy`` are the upright rectangles, ``confidence`` the scores, all of class 0; the quads are in ``data`` as
        oriented boxes, the texts as ``text``.
        """
        from .export import to_supervision

        return to_supervision(self)

    def to_pandas(self) -> pd.DataFrame:
        """The words as a table with a row each: ``x1 … y4``, ``score``, ``text``, ``text_confidence``; needs pandas."""
        from .export import to_pandas

        return to_pandas(self)

    def to_shapely(self) -> list[shapely.Polygon]:
        """The quads as Shapely polygons, y downwards as in images; needs Shapely."""
        from .export import to_shapely

        return to_shapely(self)


def _numbers(index: Sequence[int] | Sequence[bool] | NDArray[Any], count: int) -> list[int]:
    """The numbers that a mask or an array of numbers stands for, of ``count`` words."""
    values = np.asarray(index)
    if values.ndim != 1:
        raise IndexError(f"words are numbered in one dimension, got an index of shape {values.shape}")
    if values.dtype == bool:
        if len(values) != count:
            raise IndexError(f"a mask needs one truth value for each of the {count} words, got {len(values)}")
        return [int(number) for number in np.flatnonzero(values)]
    if values.size and values.dtype.kind not in "iu":
        raise TypeError(f"words are chosen by a slice, a mask or whole numbers, got an array of {values.dtype}")
    return [int(number) for number in values]
