"""hOCR 1.2: a page as HTML whose elements say where they lie (https://kba.github.io/hocr-spec/1.2/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layout import STRAIGHT, bounds, confidence, direction, image_name, on_page
from .xml import Element, add, document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..detections import Detections
    from ..types import TextBox

_DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)
_CAPABILITIES = "ocr_page ocr_carea ocr_par ocr_line ocrx_word ocrp_poly"


def to_hocr(found: Detections, name: str | None = None) -> str:
    """The words of a page as hOCR.

    Args:
        found: the words. ``x_wconf`` is how sure their texts are, or for words that nobody has read, the elements of
            which are empty, how sure it is that they are words.
        name: of the image; by default that of the file it was read from.

    Returns:
        the document, with ``bbox`` in whole pixels of the upright image; ``poly`` has a word's quad, ``textangle``
        the direction of a line that is turned, counter-clockwise as the specification counts.
    """
    root = Element("html", {"xmlns": "http://www.w3.org/1999/xhtml", "xml:lang": "en", "lang": "en"})
    head = add(root, "head")
    add(head, "title", image_name(found, name))
    add(head, "meta", **{"http-equiv": "Content-Type", "content": "text/html;charset=utf-8"})
    add(head, "meta", name="ocr-system", content="east-text-detector")
    add(head, "meta", name="ocr-capabilities", content=_CAPABILITIES)
    add(head, "meta", name="ocr-langs", content="unknown")
    add(head, "meta", name="ocr-number-of-pages", content="1")
    title = f'image "{_quotable(image_name(found, name))}"; bbox 0 0 {found.width} {found.height}; ppageno 0'
    page = add(add(root, "body"), "div", **{"class": "ocr_page", "id": "page_1", "title": title})
    lines = words = 0
    for number, block in enumerate(found.blocks(), start=1):
        inside = [box for line in block for box in line]
        area = _element(page, "div", "ocr_carea", f"block_1_{number}", _box(inside, found))
        paragraph = _element(area, "p", "ocr_par", f"par_1_{number}", _box(inside, found))
        for line in block:
            lines += 1
            row = _element(paragraph, "span", "ocr_line", f"line_1_{lines}", _box(line, found) + _angle(line))
            for box in line:
                words += 1
                points = " ".join(f"{x} {y}" for x, y in on_page(box.quad, found))
                told = f"{_box([box], found)}; x_wconf {round(100 * confidence(box))}; poly {points}"
                _element(row, "span", "ocrx_word", f"word_1_{words}", told, box.text or "")
    return document(root, _DOCTYPE)


def _element(parent: Element, tag: str, kind: str, number: str, title: str, text: str = "") -> Element:
    return add(parent, tag, text, **{"class": kind, "id": number, "title": title})


def _box(boxes: Sequence[TextBox], found: Detections) -> str:
    return "bbox {} {} {} {}".format(*bounds(boxes, found))


def _angle(line: Sequence[TextBox]) -> str:
    angle = -direction(line)
    return f"; textangle {angle:.1f}" if abs(angle) > STRAIGHT else ""


def _quotable(name: str) -> str:
    return name.replace('"', "'")
