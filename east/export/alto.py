"""ALTO 4.2: a page as libraries and archives keep it (https://www.loc.gov/standards/alto/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import __version__
from .layout import STRAIGHT, bounds, confidence, direction, image_name, on_page, outline
from .xml import XSI, Element, add, document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..detections import Detections
    from ..types import TextBox

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-2.xsd"


def to_alto(found: Detections, name: str | None = None) -> str:
    """The words of a page as ALTO.

    Args:
        found: the words. ``WC`` is how sure their texts are, or for words that nobody has read, whose ``CONTENT`` is
            empty, how sure it is that they are words.
        name: of the image; by default that of the file it was read from.

    Returns:
        the document, in whole pixels of the upright image; ``Shape`` has the outlines, which a rectangle does not
        tell of turned words.
    """
    root = Element("alto", {"xmlns": _NAMESPACE, f"{{{XSI}}}schemaLocation": f"{_NAMESPACE} {_SCHEMA}"})
    root.set("SCHEMAVERSION", "4.2")
    description = add(root, "Description")
    add(description, "MeasurementUnit", "pixel")
    add(add(description, "sourceImageInformation"), "fileName", image_name(found, name))
    processing = add(description, "Processing", ID="processing_1")
    add(processing, "processingCategory", "contentGeneration")
    what = "words found and read" if found.is_read else "words found"
    add(processing, "processingStepDescription", what)
    add(processing, "processingStepSettings", f"{found.weights}, {found.runtime} {found.precision}")
    software = add(processing, "processingSoftware")
    add(software, "softwareName", "east-text-detector")
    add(software, "softwareVersion", __version__)
    page = add(add(root, "Layout"), "Page", ID="page_1", PHYSICAL_IMG_NR=1, HEIGHT=found.height, WIDTH=found.width)
    space = add(page, "PrintSpace", HPOS=0, VPOS=0, WIDTH=found.width, HEIGHT=found.height)
    lines = words = 0
    for number, block in enumerate(found.blocks(), start=1):
        inside = [box for line in block for box in line]
        element = add(space, "TextBlock", ID=f"block_{number}", **_place(inside, found))
        _add_shape(element, outline(inside, found))
        for line in block:
            lines += 1
            row = add(element, "TextLine", ID=f"line_{lines}", **_place(line, found))
            _add_shape(row, outline(line, found))
            for position, box in enumerate(line):
                words += 1
                if position:
                    add(row, "SP")
                told = {"CONTENT": " ".join((box.text or "").split()), "WC": f"{confidence(box):.4f}"}
                word = add(row, "String", ID=f"word_{words}", **_place([box], found), **told)
                _add_shape(word, on_page(box.quad, found))
        rotation = -direction(inside)
        if abs(rotation) > STRAIGHT:
            element.set("ROTATION", f"{rotation:.1f}")
    return document(root)


def _place(boxes: Sequence[TextBox], found: Detections) -> dict[str, int]:
    box = bounds(boxes, found)
    return {"HPOS": box.left, "VPOS": box.top, "WIDTH": box.width, "HEIGHT": box.height}


def _add_shape(parent: Element, points: list[tuple[int, int]]) -> None:
    add(add(parent, "Shape"), "Polygon", POINTS=" ".join(f"{x},{y}" for x, y in points))
