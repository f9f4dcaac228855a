"""HEIF (ISO/IEC 23008-12), the container of HEIC and AVIF: boxes within boxes, and items with properties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from ...types import Size
from .structure import Structure, check_size, corrupt, truncated, unpack

HEIC, AVIF = "HEIC", "AVIF"

MAX_BOXES = 4096
"""Boxes of a level that are looked at; each item property is one, and pictures have some ten."""

MAX_ITEMS = 16_384
"""Items whose properties are looked at; each tile of a grid is one, some 500 in a picture of 108 megapixels."""

_AVIF_BRANDS = frozenset([b"avif", b"avis"])
_HEIC_BRANDS = frozenset([b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"])
_BRANDS = _AVIF_BRANDS | _HEIC_BRANDS | {b"mif1", b"msf1"}
_BOX, _LARGE, _LONG, _SHORT, _SPATIAL, _APERTURE = (
    Struct(">I4s"),
    Struct(">Q"),
    Struct(">I"),
    Struct(">H"),
    Struct(">4xII"),
    Struct(">IIII"),
)


class _Box(NamedTuple):
    kind: bytes
    body: memoryview

    @property
    def version(self) -> int:
        return self.body[0] if self.body else 0


def brand(data: bytes) -> str | None:
    """HEIC or AVIF, if a file's first bytes say that it is one of the two."""
    length = int.from_bytes(data[:4], "big")
    brands = [data[at : at + 4] for at in (8, *range(16, min(length, 64), 4))]
    if data[4:8] != b"ftyp" or brands[0] not in _BRANDS:
        return None
    return AVIF if _AVIF_BRANDS.intersection(brands) else HEIC


def walk(data: bytes, max_pixels: int) -> Structure:
    """Measures the primary item of a HEIC or AVIF by its properties; its decoder turns it upright by itself."""
    form = brand(data) or HEIC
    meta = _child(_boxes(memoryview(data)), b"meta")
    if meta is None:
        raise truncated(form)
    boxes = list(_boxes(meta.body[4:]))
    primary, properties = _child(boxes, b"pitm"), _child(boxes, b"iprp")
    if primary is None or properties is None:
        raise corrupt(form, "it has no primary picture")
    (item,) = unpack(_LONG if primary.version else _SHORT, primary.body, 4)
    known = list(_boxes(getattr(_child(_boxes(properties.body), b"ipco"), "body", memoryview(b""))))
    size: Size | None = None
    for index in _associated(_boxes(properties.body), item):
        kind, body = known[index - 1] if 0 < index <= len(known) else (b"", memoryview(b""))
        if kind == b"ispe":
            width, height = unpack(_SPATIAL, body, 0)
            size = Size(height, width)
            check_size(form, size, max_pixels)
        elif kind == b"clap" and size is not None and form == HEIC:
            across, across_by, down, down_by = unpack(_APERTURE, body, 0)
            size = Size(min(down // max(1, down_by), size.height), min(across // max(1, across_by), size.width))
        elif kind == b"irot" and size is not None and bytes(body[:1]) in (b"\1", b"\3"):
            size = Size(size.width, size.height)
    if size is None:
        raise corrupt(form, "its primary picture has no size")
    check_size(form, size, max_pixels)
    return Structure(form, stored=size, work=size.height * size.width, parts=(memoryview(data),))


def _boxes(view: memoryview) -> Iterator[_Box]:
    """The boxes of a level, a limited number; one that is cut off ends them."""
    start = 0
    for _ in range(MAX_BOXES):
        if start + _BOX.size > len(view):
            return
        length, kind = _BOX.unpack_from(view, start)
        head = _BOX.size
        if length == 1:
            (length,) = unpack(_LARGE, view, start + head)
            head += _LARGE.size
        end = start + length if length else len(view)
        if (length and length < head) or end > len(view):
            return
        yield _Box(kind, view[start + head : end])
        start = end


def _child(boxes: Iterable[_Box], kind: bytes) -> _Box | None:
    return next((box for box in boxes if box.kind == kind), None)


def _associated(boxes: Iterable[_Box], item: int) -> Iterator[int]:
    """Numbers of an item's properties, from 1, in the order in which they hold."""
    looked_at = 0
    for box in boxes:
        if box.kind != b"ipma":
            continue
        wide = box.body[3] & 1 if len(box.body) > 3 else 0
        (entries,) = unpack(_LONG, box.body, 4)
        position = 8
        identity = _LONG if box.version else _SHORT
        for _ in range(entries):
            looked_at += 1
            if looked_at > MAX_ITEMS:
                return
            (found,) = unpack(identity, box.body, position)
            position += identity.size
            count = box.body[position]
            position += 1
            if found == item:
                for at in range(position, position + count * (1 + wide), 1 + wide):
                    yield unpack(_SHORT, box.body, at)[0] & 0x7FFF if wide else box.body[at] & 0x7F
                return
            position += count * (1 + wide)
