"""Searchable PDFs: each image a page, with the words that were read lying over it unseen."""

from __future__ import annotations

import io
from collections.abc import Iterable
from math import cos, radians, sin
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..extras import needed
from ..geometry import angles, heights, widths
from ..options import PDF_DPI, check_dpi

if TYPE_CHECKING:
    from ..detections import Detections
    from ..types import TextBox

_INCH = 72.0  # a PDF's units
_JPEG_QUALITY = 90
_ADVANCE = 0.5  # of every glyph, in ems
_DESCENT = 0.2  # of a word's height below its baseline
_MAPPED_AT_ONCE = 100  # characters in one block of a character map, by its specification


def to_pdf(results: Iterable[Detections], *, dpi: float = PDF_DPI) -> bytes:
    """A PDF of any number of images in which the words that were read can be searched, selected and copied.

    Args:
        results: one for each page, with its image. The words lie over it invisibly in reading order, each where
            its quad is and as large, level or upright, whichever is nearer to it; those that nobody has read are left
            out.
        dpi: pixels per inch of paper: an image of 1654x2339 is an A4 page at 200.

    Raises:
        MissingPackageError: without the extra ``pdf``.
        ValueError: a result whose image was not kept, no results, or a ``dpi`` out of range.
    """
    with SearchablePdf(dpi) as pdf:
        for found in results:
            pdf.add(found)
        return pdf.finish()


class SearchablePdf:
    """A PDF to which one page after the other is added; of each only its JPEG and its words are kept."""

    def __init__(self, dpi: float = PDF_DPI) -> None:
        """An empty document; see `to_pdf`. Raises `MissingPackageError` without the extra ``pdf``."""
        needed("pikepdf", "a PDF", "pdf")
        import pikepdf

        check_dpi(dpi)
        self._scale = _INCH / dpi
        self._pdf = pikepdf.new()
        self._font = _Font()
        self._reference = self._pdf.make_indirect(pikepdf.Dictionary())

    def add(self, found: Detections) -> None:
        """Adds a page. Raises ``ValueError`` where the image was not kept."""
        if found.image is None:
            raise ValueError("a PDF shows the image, and that of these detections was not kept (keep_image=False)")
        _add_page(self._pdf, found, found.image, self._scale, self._font, self._reference)

    def finish(self) -> bytes:
        """The document. Raises ``ValueError`` where it has no pages."""
        if not len(self._pdf.pages):
            raise ValueError("a PDF needs at least one page, and there are no results")
        for name, value in self._font.describe(self._pdf).items():
            self._reference[name] = value
        self._pdf.docinfo["/Producer"] = "east-text-detector"
        file = io.BytesIO()
        self._pdf.save(file, deterministic_id=True)
        return file.getvalue()

    def __enter__(self) -> SearchablePdf:
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.close()


class _Font:
    """A font without glyphs: each character that is used has a number, and a table tells which it is."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def encode(self, text: str) -> str:
        """The text in this font, as the digits of a PDF's hexadecimal string."""
        numbers = (self._numbers.setdefault(c, len(self._numbers) + 1) for c in text)
        return "".join(f"{number:04X}" for number in numbers)

    def describe(self, pdf: Any) -> dict[str, Any]:
        """The entries of the font's dictionary."""
        from pikepdf import Array, Dictionary, Name

        file = (Path(__file__).parent / "glyphless.ttf").read_bytes()
        descriptor = Dictionary(
            Type=Name.FontDescriptor,
            FontName=Name.Glyphless,
            Flags=5,  # fixed pitch, not one of the standard character sets
            FontBBox=Array([0, -200, 500, 800]),
            ItalicAngle=0,
            Ascent=800,
            Descent=-200,
            CapHeight=800,
            StemV=80,
            FontFile2=pdf.make_stream(file, Length1=len(file)),
        )
        descendant = Dictionary(
            Type=Name.Font,
            Subtype=Name.CIDFontType2,
            BaseFont=Name.Glyphless,
            CIDSystemInfo=Dictionary(Registry="Adobe", Ordering="Identity", Supplement=0),
            FontDescriptor=pdf.make_indirect(descriptor),
            DW=round(1000 * _ADVANCE),
            CIDToGIDMap=pdf.make_stream(b"\0\1" * (len(self._numbers) + 1)),
        )
        return {
            "/Type": Name.Font,
            "/Subtype": Name.Type0,
            "/BaseFont": Name.Glyphless,
            "/Encoding": Name("/Identity-H"),
            "/DescendantFonts": Array([pdf.make_indirect(descendant)]),
            "/ToUnicode": pdf.make_stream(self._character_map().encode()),
        }

    def _character_map(self) -> str:
        pairs = [
            f"<{number:04X}> <{c.encode('utf-16-be', 'replace').hex().upper()}>" for c, number in self._numbers.items()
        ]
        blocks = [pairs[at : at + _MAPPED_AT_ONCE] for at in range(0, len(pairs), _MAPPED_AT_ONCE)]
        return "\n".join(
            [
                "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
                "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
                "/CMapName /Adobe-Identity-UCS def /CMapType 2 def",
                "1 begincodespacerange <0000> <FFFF> endcodespacerange",
                *(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks),
                "endcmap CMapName currentdict /CMap defineresource pop end end",
            ]
        )


def _add_page(pdf: Any, found: Detections, image: NDArray[np.uint8], scale: float, font: _Font, reference: Any) -> None:
    from pikepdf import Array, Dictionary, Name, Page

    done, jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    if not done:
        raise ValueError(f"an image of {found.width}x{found.height} pixels cannot be encoded as a JPEG")
    picture = pdf.make_stream(
        jpeg.tobytes(),
        Type=Name.XObject,
        Subtype=Name.Image,
        Width=found.width,
        Height=found.height,
        ColorSpace=Name.DeviceRGB,
        BitsPerComponent=8,
        Filter=Name.DCTDecode,
    )
    width, height = found.width * scale, found.height * scale
    shown = f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Image Do Q"
    pdf.pages.append(
        Page(
            Dictionary(
                Type=Name.Page,
                MediaBox=Array([0, 0, round(width, 3), round(height, 3)]),
                Resources=Dictionary(XObject=Dictionary(Image=picture), Font=Dictionary(Glyphless=reference)),
                Contents=pdf.make_stream("\n".join([shown, *_texts(found, scale, font)]).encode()),
            )
        )
    )


def _texts(found: Detections, scale: float, font: _Font) -> list[str]:
    """What writes the words, a text object for each line."""
    texts = []
    for line in found.lines():
        read = [box for box in line if box.text and box.text.strip()]
        if read:
            words = [_word(box, found.height, scale, font, last=box is read[-1]) for box in read]
            texts.append("\n".join(["BT 3 Tr", *words, "ET"]))
    return texts


def _word(box: TextBox, image_height: int, scale: float, font: _Font, *, last: bool) -> str:
    """What writes one word over its quad; all but the last of a line with a blank behind.

    It is laid in the nearest of the four directions of a page, along the middle of its quad: readers of PDFs, poppler's
    pdftotext among them, take a word whose letters climb apart, and nothing here is seen.
    """
    text = " ".join((box.text or "").split())
    angle = float(angles(box.quad))
    quarter = round(angle / 90) * 90
    rest = radians(angle - quarter)
    width, height = float(widths(box.quad)), max(float(heights(box.quad)), 0.1)
    length = max(width * cos(rest) + height * abs(sin(rest)), 0.1)
    along, down = (np.rint((cos(radians(quarter + more)), sin(radians(quarter + more)))) for more in (0, 90))
    x, y = box.quad.mean(axis=0) - length / 2 * along + (0.5 - _DESCENT) * height * down
    stretch = 100 * length / (len(text) * _ADVANCE * height)
    (a, b), (c, d) = (1, -1) * along, (-1, 1) * down  # a PDF's y goes upwards
    place = f"{a:.0f} {b:.0f} {c:.0f} {d:.0f} {x * scale:.3f} {(image_height - y) * scale:.3f} Tm"
    encoded = font.encode(text if last else text + " ")
    return f"/Glyphless {height * scale:.3f} Tf {stretch:.3f} Tz {place} <{encoded}> Tj"
