"""PAGE XML, version 2019-07-15: a page as OCR-D and Transkribus read it (Pletschacher, Antonacopoulos, ICPR 2010)."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from .. import __version__
from .layout import confidence, image_name, on_page, outline
from .xml import XSI, Element, add, document

if TYPE_CHECKING:
    from ..detections import Detections

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_SCHEMA = f"{_NAMESPACE}/pagecontent.xsd"


def to_page_xml(found: Detections, name: str | None = None) -> str:
    """The words of a page as PAGE XML.

    Args:
        found: the words. ``Coords`` say how sure it is that they are words, ``TextEquiv`` how sure their texts are;
            words that nobody has read have none.
        name: of the image; by default that of the file it was read from.

    Returns:
        the document, in whole pixels of the upright image.
    """
    root = Element("PcGts", {"xmlns": _NAMESPACE, f"{{{XSI}}}schemaLocation": f"{_NAMESPACE} {_SCHEMA}"})
    metadata = add(root, "Metadata")
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    add(metadata, "Creator", f"east-text-detector {__version__}")
    add(metadata, "Created", now)
    add(metadata, "LastChange", now)
    page = add(root, "Page", imageFilename=image_name(found, name), imageWidth=found.width, imageHeight=found.height)
    blocks = found.blocks()
    if blocks:
        order = add(add(page, "ReadingOrder"), "OrderedGroup", id="order_1")
        for index in range(len(blocks)):
            add(order, "RegionRefIndexed", index=index, regionRef=f"region_{index + 1}")
    lines = words = 0
    for number, block in enumerate(blocks, start=1):
        region = add(page, "TextRegion", id=f"region_{number}")
        add(region, "Coords", points=_points(outline([box for line in block for box in line], found)))
        for line in block:
            lines += 1
            row = add(region, "TextLine", id=f"line_{lines}")
            add(row, "Coords", points=_points(outline(line, found)))
            for box in line:
                words += 1
                word = add(row, "Word", id=f"word_{words}")
                add(word, "Coords", points=_points(on_page(box.quad, found)), conf=f"{min(max(box.score, 0), 1):.4f}")
                if box.text is not None:
                    _add_text(word, box.text, confidence(box))
            _add_text(row, line.text)
        _add_text(region, "\n".join(filter(None, (line.text for line in block))))
    return document(root)


def _points(points: list[tuple[int, int]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _add_text(parent: Element, text: str, sure: float | None = None) -> None:
    if text or sure is not None:
        equivalent = add(parent, "TextEquiv", **({} if sure is None else {"conf": f"{sure:.4f}"}))
        add(equivalent, "Unicode", text)
