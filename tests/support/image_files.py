"""Image files put together by hand: what encoders write, and what they never would."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from east.types import Size

Tags: TypeAlias = Mapping[int, Any]

SHORT, LONG, LONG8 = 3, 4, 16
SUB_DIRECTORIES, STRIPS, STRIP_BYTES, TILES, TILE_BYTES = 330, 273, 279, 324, 325
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def encode(image: Image.Image | NDArray[np.uint8], form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, form, **options)
    return file.getvalue()


def jpeg_segment(marker: int, content: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def jpeg_of(size: Size, data: bytes, entropy: bytes) -> bytes:
    """The header of the JPEG ``data`` with another size, then ``entropy`` as its only scan."""
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
    sized = data[: frame + 5] + struct.pack(">HH", *size) + data[frame + 9 : start]
    return sized + entropy + b"\xff\xd9"


def png_chunk(kind: bytes, content: bytes, checksum: int | None = None) -> bytes:
    right = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", right if checksum is None else checksum)


def png(pixels: NDArray[Any], colour: int, *chunks: bytes, interlaced: bool = False, rows: int | None = None) -> bytes:
    """A PNG of uint8 or uint16 samples, with ``chunks`` before its pixels; only the first ``rows`` are in it."""
    height, width = pixels.shape[:2]
    samples = pixels.reshape(height, width, -1).astype(pixels.dtype.newbyteorder(">"))
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    parts = [samples[top::down, left::across] for left, top, across, down in passes]
    lines = [b"\0" + line.tobytes() for part in parts if part.size for line in part]
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.dtype.itemsize, colour, 0, 0, interlaced)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            png_chunk(b"IHDR", header),
            *chunks,
            png_chunk(b"IDAT", zlib.compress(b"".join(lines[:rows]))),
            png_chunk(b"IEND", b""),
        ]
    )


def tiff_tags(pixels: NDArray[np.uint8], rows: int | None = None, **more: Any) -> dict[int, Any]:
    """The tags of grey or RGB pixels, uncompressed in strips of ``rows``."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    step = rows or height
    return {
        256: width,
        257: height,
        258: [8] * samples,
        259: 1,
        262: 1 if samples == 1 else 2,
        STRIPS: [pixels[top : top + step].tobytes() for top in range(0, height, step)],
        277: samples,
        278: step,
        **{int(number.removeprefix("tag_")): value for number, value in more.items()},
    }


def tile_tags(pixels: NDArray[np.uint8], side: int, **more: Any) -> dict[int, Any]:
    """The tags of grey or RGB pixels, uncompressed in square tiles."""
    height, width = pixels.shape[:2]
    filled = np.zeros((-(-height // side) * side, -(-width // side) * side, *pixels.shape[2:]), np.uint8)
    filled[:height, :width] = pixels
    tags = tiff_tags(pixels, **more)
    del tags[STRIPS], tags[278]
    corners = [(top, left) for top in range(0, filled.shape[0], side) for left in range(0, filled.shape[1], side)]
    return {
        322: side,
        323: side,
        TILES: [filled[top : top + side, left : left + side].tobytes() for top, left in corners],
        **tags,
    }


def tiff(*pages: Tags, order: str = "<", big: bool = False) -> bytes:
    """A TIFF of directories, one after the other.

    A tag's value is a number or several. Those of strips and tiles may be bytes, which are stored, and of
    sub-directories other directories.
    """
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(order + "H", 43 if big else 42) + (struct.pack(order + "HH", 8, 0) if big else b"")
    offset_form, offset_kind = ("Q", LONG8) if big else ("I", LONG)
    body = bytearray(head + bytes(struct.calcsize(offset_form)))

    def store(content: bytes) -> int:
        body.extend(bytes(len(body) % 2))
        body.extend(content)
        return len(body) - len(content)

    def directory(tags: Tags) -> int:
        known = dict(tags)
        for places, lengths in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
            if places in known and isinstance(known[places], list) and isinstance(known[places][0], bytes):
                known.setdefault(lengths, [len(piece) for piece in known[places]])
                known[places] = [store(piece) for piece in known[places]]
        if SUB_DIRECTORIES in known:
            known[SUB_DIRECTORIES] = [directory(child) for child in known[SUB_DIRECTORIES]]
        entries = b""
        for number, value in sorted(known.items()):
            values: Sequence[int] = value if isinstance(value, (list, tuple)) else [value]
            kind = (
                offset_kind if number in (STRIPS, TILES, SUB_DIRECTORIES) else LONG if max(values) > 65_535 else SHORT
            )
            packed = struct.pack(f"{order}{len(values)}{ {SHORT: 'H', LONG: 'I', LONG8: 'Q'}[kind] }", *values)
            room = struct.calcsize(offset_form)
            field = (
                packed.ljust(room, b"\0") if len(packed) <= room else struct.pack(order + offset_form, store(packed))
            )
            entries += struct.pack(order + ("HHQ" if big else "HHI"), number, kind, len(values)) + field
        return store(
            struct.pack(order + ("Q" if big else "H"), len(known)) + entries + struct.pack(order + offset_form, 0)
        )

    link = len(head)
    for page in pages:
        start = directory(page)
        struct.pack_into(order + offset_form, body, link, start)
        link = len(body) - struct.calcsize(offset_form)
    return bytes(body)


def bmp(
    width: int, height: int, depth: int, compression: int, data: bytes, palette: bytes = b"", masks: bytes = b""
) -> bytes:
    """A BMP of any header; with ``masks`` (red, green, blue, alpha) of Windows 3's third version, else its first."""
    length = 56 if masks else 40
    start = 14 + length + len(palette)
    header = struct.pack(
        "<IiiHHIIiiII", length, width, height, 1, depth, compression, len(data), 0, 0, len(palette) // 4, 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + masks + palette + data


def box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *content: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *content)


def heif(brand: bytes, size: Size, *properties: bytes, item: int = 1) -> bytes:
    """A HEIC or AVIF whose primary item has a size and other properties, behind an item of another size; no pixels."""
    thumbnail = full_box(b"ispe", struct.pack(">II", 160, 120))
    picture = full_box(b"ispe", struct.pack(">II", size.width, size.height))
    numbers = bytes([2, *range(3, 3 + len(properties))])
    return b"".join(
        [
            box(b"ftyp", brand, bytes(4), b"mif1", brand),
            full_box(
                b"meta",
                full_box(b"hdlr", bytes(4), b"pict", bytes(13)),
                full_box(b"pitm", struct.pack(">H", item)),
                box(
                    b"iprp",
                    box(b"ipco", thumbnail, picture, *properties),
                    full_box(
                        b"ipma",
                        struct.pack(">I", 2),
                        struct.pack(">HB", item + 1, 1) + b"\1",
                        struct.pack(">HB", item, len(numbers)) + numbers,
                    ),
                ),
            ),
            box(b"mdat", bytes(100)),
        ]
    )
