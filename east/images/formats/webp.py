"""WebP (RFC 9649): RIFF chunks around a VP8 or VP8L bitstream, or around the frames of an animation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from struct import Struct
from typing import NamedTuple

from ...types import Size
from .exif import orientation
from .structure import MAX_SIDE, Part, Structure, check_size, corrupt, truncated, unpack

FORM = "WEBP"

MAX_CHUNKS = 4096
"""Chunks that are looked at; a still picture has up to seven, and a thousand frames of an animation as many."""

_RIFF, _CHUNK, _EXTENDED, _SHORTS, _LONG = Struct("<4sI4s"), Struct("<4sI"), Struct("<I6s"), Struct("<HH"), Struct("<I")
_HAS_ALPHA, _HAS_EXIF = 0x10, 0x08
_VP8_START, _VP8L_START = b"\x9d\x01\x2a", b"\x2f"


class _Picture(NamedTuple):
    """A bitstream, and what goes with it."""

    size: Size
    alpha: bool
    chunks: tuple[Part, ...]


@dataclass(frozen=True)
class WebpStructure(Structure):
    """A WebP.

    Attributes:
        alpha: the bitstream has an opacity.
        frame: the size of the bitstream's picture: the first frame of an animation may be less than all of it.
        corner: row and column where that frame's top-left corner lies.
    """

    _: KW_ONLY
    alpha: bool
    frame: Size
    corner: tuple[int, int] = (0, 0)


def walk(data: bytes, max_pixels: int) -> WebpStructure:
    """Takes a WebP apart: kept is the bitstream, or that of the first frame, with its opacity."""
    _, length, _ = unpack(_RIFF, data, 0)
    if _CHUNK.size + length > len(data):
        raise truncated(FORM)
    view = memoryview(data)[: _CHUNK.size + length]
    canvas: Size | None = None
    flags = 0
    corner: tuple[int, int] | None = None
    alpha: Part | None = None
    exif: Part | None = None
    picture: _Picture | None = None
    for kind, body in _chunks(view, _RIFF.size):
        if kind == b"VP8X" and canvas is None and picture is None:
            flags, sides = unpack(_EXTENDED, body, 0)
            canvas = Size(1 + int.from_bytes(sides[3:], "little"), 1 + int.from_bytes(sides[:3], "little"))
            check_size(FORM, canvas, max_pixels)
        elif kind == b"ALPH":
            alpha = body
        elif picture is None and kind in (b"VP8 ", b"VP8L"):
            picture = _picture(kind, body, alpha)
        elif picture is None and kind == b"ANMF":
            corner = 2 * int.from_bytes(body[3:6], "little"), 2 * int.from_bytes(body[:3], "little")
            picture = _frame(body)
        elif kind == b"EXIF" and exif is None:
            exif = body
        if picture is not None and (exif is not None or not flags & _HAS_EXIF):
            break
    if picture is None:
        raise truncated(FORM)
    canvas = canvas or picture.size
    check_size(FORM, canvas, max_pixels)
    top, left = corner or (0, 0)
    height, width = picture.size
    if (top + height > canvas.height or left + width > canvas.width) if corner else picture.size != canvas:
        raise corrupt(FORM, f"its picture of {picture.size} does not fit its canvas of {canvas}")
    return WebpStructure(
        FORM,
        stored=canvas,
        orientation=1 if exif is None else orientation(exif),
        work=canvas.height * canvas.width + picture.size.height * picture.size.width,
        parts=(_RIFF.pack(b"RIFF", 4 + sum(map(len, picture.chunks)), b"WEBP"), *picture.chunks),
        alpha=picture.alpha,
        frame=picture.size,
        corner=(top, left),
    )


def _chunks(view: memoryview, start: int) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of one after the other, a limited number; one that is cut off is an error."""
    for _ in range(MAX_CHUNKS):
        if start + _CHUNK.size > len(view):
            return
        kind, length = _CHUNK.unpack_from(view, start)
        start += _CHUNK.size
        if start + length > len(view):
            raise truncated(FORM)
        yield kind, view[start : start + length]
        start += length + length % 2


def _frame(body: memoryview) -> _Picture:
    """The picture in a frame of an animation."""
    alpha: Part | None = None
    for kind, content in _chunks(body, 16):
        if kind == b"ALPH":
            alpha = content
        elif kind in (b"VP8 ", b"VP8L"):
            return _picture(kind, content, alpha)
    raise truncated(FORM)


def _picture(kind: bytes, body: memoryview, alpha: Part | None) -> _Picture:
    """A bitstream as the chunks of a file with nothing else, its size and opacity told from its first bytes."""
    if kind == b"VP8L":
        (bits,) = unpack(_LONG, body, 1)
        if body[:1] != _VP8L_START:
            raise corrupt(FORM, "its bitstream does not start as one")
        return _Picture(Size(1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)), bool(bits >> 28 & 1), _chunk(kind, body))
    width, height = (side & 0x3FFF for side in unpack(_SHORTS, body, 6))
    if body[0] & 1 or body[3:6] != _VP8_START:
        raise corrupt(FORM, "its bitstream does not start as one")
    size = Size(height, width)
    check_size(FORM, size, MAX_SIDE**2)
    if alpha is None:
        return _Picture(size, False, _chunk(kind, body))
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    extended = _chunk(b"VP8X", _EXTENDED.pack(_HAS_ALPHA, sides))
    return _Picture(size, True, (*extended, *_chunk(b"ALPH", alpha), *_chunk(kind, body)))


def _chunk(kind: bytes, body: Part) -> tuple[Part, Part, Part]:
    return _CHUNK.pack(kind, len(body)), body, bytes(len(body) % 2)
