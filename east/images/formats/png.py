"""PNG (ISO/IEC 15948): chunks, of which four kinds make the picture."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from struct import Struct
from typing import NamedTuple

from ...types import Size
from .exif import orientation
from .structure import Part, Structure, check_size, corrupt, truncated, unpack

FORM = "PNG"

MAX_CHUNKS, BYTES_PER_CHUNK = 4096, 1024
"""Chunks: so many, and one more for every so many bytes. Encoders fill each with pixels of 8 KiB, some of 4."""

SPARE_BYTES = 65_536
"""Compressed bytes beyond twice the rows' own: what cannot be compressed grows by a thousandth, empty blocks do not."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK, _CHECKSUM, _HEADER = Struct(">I4s"), Struct(">I"), Struct(">IIBBBBB")
_GREY, _COLOUR, _INDEXED, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _COLOUR: 3, _INDEXED: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
_DEPTHS = {_GREY: (1, 2, 4, 8, 16), _INDEXED: (1, 2, 4, 8)}  # otherwise 8 and 16
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class _Header(NamedTuple):
    size: Size
    depth: int
    colour: int
    interlaced: bool

    @property
    def row_bytes(self) -> int:
        """Bytes of all rows, each with its filter's, as they are compressed."""
        passes = _ADAM7 if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for left, top, across, down in passes:
            width, height = -((left - self.size.width) // across), -((top - self.size.height) // down)
            if width > 0 and height > 0:
                total += height * (1 + (width * self.depth * _CHANNELS[self.colour] + 7) // 8)
        return total


@dataclass(frozen=True)
class PngStructure(Structure):
    """A PNG.

    Attributes:
        compressed: its rows, compressed, in pieces.
        row_bytes: bytes that they must expand to.
        interlaced: its rows do not come one after the other.
    """

    _: KW_ONLY
    compressed: tuple[Part, ...]
    row_bytes: int
    interlaced: bool


def walk(data: bytes, max_pixels: int) -> PngStructure:
    """Takes a PNG apart: kept are the header, palette, transparency and pixels of its still picture.

    As in browsers, a header or a palette with a wrong checksum is an error, and transparency with one is passed over.
    Checksums of pixels are not looked at, because the stream within has its own.
    """
    header: _Header | None = None
    found: dict[bytes, memoryview] = {}
    pixels: list[Part] = []
    most = MAX_CHUNKS + len(data) // BYTES_PER_CHUNK
    for number, (kind, body, checksum) in enumerate(_chunks(memoryview(data))):
        if number == most:
            if pixels and kind != b"IDAT":
                break  # all that could come is an orientation
            raise corrupt(FORM, f"it has more than {most:,} chunks")
        if header is None:
            header = _header(kind, body, checksum)
            check_size(FORM, header.size, max_pixels)
        elif kind == b"IDAT":
            pixels.append(body)
        elif kind == b"IEND":
            break
        elif kind == b"eXIf" or (kind in (b"PLTE", b"tRNS") and len(body) <= 768 and _is_sound(kind, body, checksum)):
            found.setdefault(kind, body)
    if header is None or not pixels:
        raise truncated(FORM)
    if sum(map(len, pixels)) > 2 * header.row_bytes + SPARE_BYTES:
        raise corrupt(FORM, "its compressed rows are far larger than its rows")
    palette, transparency, exif = (found.get(kind) for kind in (b"PLTE", b"tRNS", b"eXIf"))
    if header.colour == _INDEXED and (not palette or len(palette) % 3):
        raise corrupt(FORM, "its palette is missing or damaged")
    if transparency and not _fits(len(transparency), header.colour):
        transparency = None
    return PngStructure(
        FORM,
        stored=header.size,
        orientation=1 if exif is None else orientation(exif),
        work=header.size.height * header.size.width,
        parts=(
            data[:33],
            *(_chunk(b"PLTE", palette) if palette and header.colour == _INDEXED else ()),
            *(_chunk(b"tRNS", transparency) if transparency else ()),
            *(_CHUNK.pack(sum(map(len, pixels)), b"IDAT"), *pixels, bytes(_CHECKSUM.size)),
            *_chunk(b"IEND", b""),
        ),
        compressed=tuple(pixels),
        row_bytes=header.row_bytes,
        interlaced=header.interlaced,
    )


def has_all_rows(structure: PngStructure) -> bool:
    """Whether the compressed rows are as many as the header says; expands them piece by piece, and keeps nothing."""
    step, left, stream = 1 << 18, structure.row_bytes, zlib.decompressobj()
    for piece in structure.compressed:
        rest: Part = piece
        expanded = step
        while left > 0 and not stream.eof and (rest or expanded == step):
            try:
                expanded = len(stream.decompress(rest, step))
            except zlib.error as error:
                raise corrupt(FORM, error) from error
            left -= expanded
            rest = stream.unconsumed_tail
    return left <= 0


def _chunks(view: memoryview) -> Iterator[tuple[bytes, memoryview, int | None]]:
    """Kind, content and checksum of one after the other; of a chunk that is cut off, only pixels are told."""
    position = len(_SIGNATURE)
    while position + _CHUNK.size <= len(view):
        length, kind = _CHUNK.unpack_from(view, position)
        start = position + _CHUNK.size
        position = start + length + _CHECKSUM.size
        if position <= len(view):
            yield kind, view[start : start + length], _CHECKSUM.unpack_from(view, start + length)[0]
        elif kind == b"IDAT":
            yield kind, view[start : start + length], None


def _chunk(kind: bytes, body: Part) -> tuple[Part, Part, Part]:
    return _CHUNK.pack(len(body), kind), body, _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(kind)))


def _header(kind: bytes, body: memoryview, checksum: int | None) -> _Header:
    if kind != b"IHDR":
        raise corrupt(FORM, "its header does not come first")
    width, height, depth, colour, compression, filters, interlace = unpack(_HEADER, body, 0)
    sound = len(body) == _HEADER.size and _is_sound(kind, body, checksum)
    if not sound or compression or filters or interlace > 1 or depth not in _DEPTHS.get(colour, (8, 16)):
        raise corrupt(FORM, "its header is damaged")
    if colour not in _CHANNELS:
        raise corrupt(FORM, f"its header says colour type {colour}")
    return _Header(Size(height, width), depth, colour, bool(interlace))


def _is_sound(kind: bytes, body: memoryview, checksum: int | None) -> bool:
    return zlib.crc32(body, zlib.crc32(kind)) == checksum


def _fits(length: int, colour: int) -> bool:
    """Whether transparency of a length goes with a colour type: a colour, or an opacity for each of a palette."""
    return length == {_GREY: 2, _COLOUR: 6}.get(colour) or (colour == _INDEXED and 0 < length <= 256)
