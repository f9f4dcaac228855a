"""XML documents, put together element by element."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .layout import writable

XSI = "http://www.w3.org/2001/XMLSchema-instance"

__all__ = ["XSI", "Element", "add", "document"]


def add(parent: Element, tag: str, text: str = "", /, **attributes: object) -> Element:
    """A new element at the end of its parent."""
    element = SubElement(parent, tag, {name: writable(str(value)) for name, value in attributes.items()})
    element.text = writable(text) or None
    return element


def document(root: Element, doctype: str = "") -> str:
    """The whole document as a text, UTF-8 by its declaration, indented."""
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}{tostring(root, encoding="unicode")}\n'
