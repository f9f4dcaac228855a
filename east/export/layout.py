"""What all formats of pages have in common: blocks of lines of words, in whole pixels within the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..geometry import angles
from ..types import TextBox

if TYPE_CHECKING:
    from ..detections import Detections

STRAIGHT = 1.0
"""Degrees up to which words are as level as scans lie."""

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Bounds(NamedTuple):
    """An upright rectangle in whole pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def confidence(box: TextBox) -> float:
    """How sure a word is, 0..1: of its text where it was read, else of its being a word."""
    sure = box.score if box.text is None or box.text_confidence is None else box.text_confidence
    return float(np.clip(sure, 0, 1))


def quads_of(boxes: Sequence[TextBox]) -> NDArray[np.float32]:
    """Float32 ``(N, 4, 2)``."""
    return np.array([box.quad for box in boxes], np.float32).reshape(-1, 4, 2)


def on_page(points: NDArray[np.float32], found: Detections) -> list[tuple[int, int]]:
    """Points ``(K, 2)`` rounded to whole pixels, those outside the image moved to its edge."""
    whole = np.rint(points.reshape(-1, 2)).clip(0, (found.width, found.height)).astype(int)
    return [(x, y) for x, y in whole.tolist()]


def outline(boxes: Sequence[TextBox], found: Detections) -> list[tuple[int, int]]:
    """The convex hull of words on the page: at least three corners, clockwise."""
    points = np.array(on_page(quads_of(boxes), found), np.int32)
    hull = [(x, y) for x, y in cv2.convexHull(points, clockwise=True)[:, 0].tolist()]
    while len(hull) < 3:  # of words outside the page, which have no area left
        hull.append(hull[-1])
    return hull


def bounds(boxes: Sequence[TextBox], found: Detections) -> Bounds:
    """The upright rectangle around words on the page."""
    points = quads_of(boxes).reshape(-1, 2).clip(0, (found.width, found.height))
    left, top = np.floor(points.min(axis=0)).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0)).astype(int).tolist()
    return Bounds(left, top, right, bottom)


def direction(boxes: Sequence[TextBox]) -> float:
    """The mean reading direction of words in degrees, -180..180, 0 to the right, 90 downwards."""
    turned = np.radians(angles(quads_of(boxes)))
    return float(np.degrees(np.arctan2(np.sin(turned).sum(), np.cos(turned).sum())))


def image_name(found: Detections, name: str | None) -> str:
    """What the image is called in a document: the ``name`` given, or that of the file it was read from."""
    return re.split(r"[/\\]", found.source)[-1] if name is None else name


def writable(text: str) -> str:
    """A text without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("\ufffd", text)
