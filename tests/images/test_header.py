"""What a header tells, and the files that are refused by it: by size, and by structure out of all proportion."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from east import ImageDecodeError, ImageError, ImageTooLargeError
from east.images import load_image, read_header
from east.types import Size
from tests.support.image_files import (
    bmp,
    encode,
    full_box,
    heif,
    jpeg_of,
    jpeg_segment,
    png_chunk,
    tiff,
    tiff_tags,
    tile_tags,
)

SCENE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
RGB = Image.fromarray(SCENE)
JPEG, PNG, GIF = encode(RGB, "JPEG"), encode(RGB, "PNG"), encode(RGB.convert("P"), "GIF")
PROGRESSIVE = encode(RGB, "JPEG", progressive=True)
SIGNATURE, HEADER = PNG[:8], PNG[8:33]
SENSORS = [Size(6144, 8160), Size(6936, 9248), Size(9000, 12000)]  # of telephones: 50, 64 and 108 megapixels


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_a_header_names_the_format_the_upright_size_and_the_work(form: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {} if form in ("BMP", "GIF") else {"exif": exif}
    header = read_header(encode(RGB, form, **options))
    assert header.format == form
    assert header.orientation == (6 if options else 1)
    assert header.size == (Size(60, 40) if options else Size(40, 60))
    assert 2400 <= header.work <= 2 * 2400 + 16 * 60  # once or twice, and what pads the last blocks


def test_a_progressive_jpeg_is_as_much_work_as_its_scans() -> None:
    once, often = read_header(JPEG).work, read_header(PROGRESSIVE).work
    assert 3 * once < often < PROGRESSIVE.count(b"\xff\xda") * once


def sized_jpeg(size: Size) -> bytes:
    """A JPEG of a size whose blocks are all of the fewest bits."""
    blocks = -(-size.height // 16) * -(-size.width // 16) * 6
    return jpeg_of(size, JPEG, bytes(blocks // 4 + 1))


def sized_png(size: Size, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", size.width, size.height, 8, colour, 0, 0, 0)
    return SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


def sized_tiff(size: Size) -> bytes:
    tags = tiff_tags(np.zeros((1, 1), np.uint8), tag_256=size.width, tag_257=size.height, tag_278=size.height)
    return tiff({**tags, 259: 8})


def tiled_tiff(size: Size) -> bytes:
    count = -(-size.height // 256) * -(-size.width // 256)
    tags = {**tiff_tags(np.zeros((1, 1), np.uint8)), 256: size.width, 257: size.height, 259: 7}
    del tags[273], tags[278]
    return tiff({**tags, 322: 256, 323: 256, 324: [b"\xff\xd8" + bytes(60) + b"\xff\xda"] * count})


def sized_webp(size: Size) -> bytes:
    """An animation whose first frame is small."""
    frame = b"ANMF" + struct.pack("<I", 16 + 20) + bytes(6) + b"\x07\0\0\x07\0\0" + bytes(4)
    body = frame + b"VP8L" + struct.pack("<I", 12) + b"\x2f" + struct.pack("<I", 7 | 7 << 14) + bytes(7)
    sides = (size.width - 1).to_bytes(3, "little") + (size.height - 1).to_bytes(3, "little")
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def sized_gif(size: Size) -> bytes:
    return GIF[:6] + struct.pack("<HH", size.width, size.height) + GIF[10:]


def sized_bmp(size: Size) -> bytes:
    return bmp(size.width, size.height, 8, 1, b"\0\1", bytes(1024))  # run-length coded, and ended at once


def sized_heic(size: Size) -> bytes:
    return heif(b"heic", size)


@pytest.mark.parametrize("size", SENSORS, ids=str)
@pytest.mark.parametrize(
    "make", [sized_jpeg, sized_png, sized_tiff, tiled_tiff, sized_webp, sized_gif, sized_bmp, sized_heic]
)
def test_pictures_of_large_sensors_are_accepted(make: Callable[[Size], bytes], size: Size) -> None:
    data = make(size)
    header = read_header(data)
    assert header.size == size
    assert size.height * size.width <= header.work <= 1.1 * size.height * size.width
    limit = size.height * size.width - 1
    with pytest.raises(ImageTooLargeError, match=rf"{size} is .* pixels, the limit is {limit:,} \(max_pixels\)$"):
        read_header(data, limit)


def test_a_picture_of_108_megapixels_is_decoded() -> None:
    image = load_image(encode(Image.new("1", (12_000, 9_000), 1), "PNG"))
    assert image.shape == (9_000, 12_000, 3)
    assert image.min() == 255


@pytest.mark.parametrize("size", [Size(1, 65_536), Size(50_000_000, 1), Size(3, 16_000_000)], ids=str)
@pytest.mark.parametrize("make", [sized_png, sized_tiff, sized_webp, sized_bmp, sized_heic])
def test_a_side_that_is_too_long_is_refused_whatever_the_area(make: Callable[[Size], bytes], size: Size) -> None:
    longest = Size(min(size.height, 2**24), min(size.width, 2**24)) if make is sized_webp else size
    for use in (read_header, load_image):
        with pytest.raises(ImageTooLargeError, match=f"{longest} has a side of more than 65,535 pixels"):
            use(make(longest))


@pytest.mark.parametrize("make", [sized_png, sized_tiff, sized_bmp, sized_gif, sized_heic])
def test_a_side_of_none_is_no_image(make: Callable[[Size], bytes]) -> None:
    data = make(Size(0, 5)).replace(GIF[GIF.index(b",") :], b",\0\0\0\0\0\0\0\0\0\2")
    with pytest.raises(ImageDecodeError, match="image has no pixels: its header says no size, or one of zero"):
        read_header(data)


# Real files have much of this: phones' Exif with maker notes, colour profiles, depth maps in extended XMP, motion.
METADATA = [
    jpeg_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(65_000)),
    *[jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes([n + 1, 40]) + bytes(65_000)) for n in range(40)],
    *[jpeg_segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)) for _ in range(120)],
    jpeg_segment(0xE2, b"MPF\0" + bytes(86)),
    *[jpeg_segment(0xFE, b"a comment") for _ in range(500)],
]
ORDINARY = {
    "jpeg with much metadata": JPEG[:2] + b"".join(METADATA) + JPEG[2:],
    "jpeg with padding between segments": JPEG[:2] + b"\xff" * 5000 + JPEG[2:20] + b"\0" * 100 + JPEG[20:],
    "jpeg with a film behind it": JPEG + bytes(1_000_000),
    "mpo": JPEG + JPEG,
    "png in chunks of 4 KiB": SIGNATURE
    + HEADER
    + b"".join(png_chunk(b"IDAT", PNG[41 + at : 41 + at + 512]) for at in range(0, len(PNG) - 57, 512))
    + png_chunk(b"IEND", b""),
    "gif with XMP": GIF[:781] + b"!\xff\x0bXMP DataXMP" + b"<x:xmpmeta/> " * 2000 + b"\1" * 256 + b"\0\0" + GIF[781:],
    "tiff of one-row strips": tiff(tiff_tags(SCENE, rows=1)),
    "tiff of one large tile": tiff(tile_tags(SCENE, 1024)),
    "tiff with spare strips": tiff({**tiff_tags(SCENE), 273: [SCENE.tobytes(), b"", b""]}),
}


@pytest.mark.parametrize("data", ORDINARY.values(), ids=ORDINARY)
def test_what_real_files_have_is_not_too_much(data: bytes) -> None:
    assert read_header(data).size == load_image(data).shape[:2] == (40, 60)


def scans(count: int) -> bytes:
    refinement = jpeg_segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + b"\0"
    return PROGRESSIVE[:-2] + refinement * count + PROGRESSIVE[-2:]


def directories(*tags: int, count: int) -> bytes:
    """TIFF directories that are all thumbnails, the last one followed by the first."""
    size = 2 + 12 * len(tags) + 4
    body = b""
    for number in range(count):
        entries = b"".join(struct.pack("<HHII", tag, 4, 1, 1 if tag == 254 else 8) for tag in tags)
        body += struct.pack("<H", len(tags)) + entries + struct.pack("<I", 8 + (number + 1) % count * size)
    return b"II*\0\x08\0\0\0" + body


def listed_strips(count: int, compression: int = 1, **more: Any) -> bytes:
    return tiff({**tiff_tags(SCENE[..., 0], rows=1, **more), 259: compression, 273: [8] * count, 279: [9000] * count})


DISPROPORTIONATE = {
    "jpeg: empty segments": JPEG[:2] + jpeg_segment(0xE1) * 200_000 + JPEG[2:],
    "jpeg: a chain of Exif": JPEG[:2] + jpeg_segment(0xE1, b"Exif\0\0II*\0") * 100_000 + JPEG[2:],
    "jpeg: profiles": JPEG[:2] + jpeg_segment(0xE2, b"ab") * 500_000 + JPEG[2:],
    "jpeg: comments between scans": PROGRESSIVE[:-2] + jpeg_segment(0xFE) * 200_000 + PROGRESSIVE[-2:],
    "jpeg: tables": JPEG[:-2] + jpeg_segment(0xC4) * 200_000 + JPEG[-2:],
    "jpeg: something between segments": JPEG[:2] + (jpeg_segment(0xE2) + bytes(1000)) * 4000 + JPEG[2:],
    "jpeg: scans": scans(35_000),
    "jpeg: a few too many scans": scans(101),
    "png: chunks": SIGNATURE + HEADER + png_chunk(b"teXt", b"a") * 300_000 + PNG[33:],
    "png: empty pixels": SIGNATURE + HEADER + png_chunk(b"IDAT", b"") * 300_000 + PNG[33:],
    "gif: comment": GIF[:781] + b"!\xfe" + b"\1a" * 500_000 + b"\0" + GIF[781:],
    "gif: extensions": GIF[:781] + b"!\xfe\0" * 500_000 + GIF[781:],
    "gif: nothing": GIF[:781] + bytes(1_000_000) + GIF[781:],
    "tiff: strips": listed_strips(1_500_000),
    "tiff: strips over each other": listed_strips(4000, compression=8, tag_257=4000) + bytes(9000),
    "tiff: a tile": tiff({**tile_tags(SCENE, 64), 322: 32_768, 323: 32_768}),
    "tiff: tiny tiles": tiff({**tile_tags(SCENE, 64), 256: 5000, 257: 5000, 322: 1, 323: 1}),
    "tiff: planes": tiff({**tiff_tags(SCENE), 284: 2, 277: 2**32 - 1}),
    "tiff: bits": tiff({**tiff_tags(SCENE), 258: [8] * 60_000}),
    "tiff: scans in a strip": tiff(
        {**tiff_tags(SCENE), 259: 7, 273: [b"\xff\xd8" + jpeg_segment(0xDA, bytes(6)) * 35_000 + b"\xff\xd9"]}
    ),
    "tiff: tags": directories(*[254] * 60_000, count=1),
    "heic: boxes": heif(b"heic", Size(4, 4))[:20] + full_box(b"free") * 200_000,
}


@pytest.mark.parametrize("data", DISPROPORTIONATE.values(), ids=DISPROPORTIONATE)
def test_structure_out_of_all_proportion_is_refused_soon(data: bytes) -> None:
    start = time.perf_counter()
    for use in (read_header, load_image):
        with pytest.raises(ImageDecodeError, match=r"^the [A-Z]+ image is (corrupt or of an unknown kind|truncated): "):
            use(data)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    "data",
    [
        directories(254, count=1),
        directories(254, count=60),
        directories(254, count=500),
        directories(254, 330, count=3),
        directories(330, 254, count=500),
    ],
)
def test_directories_that_lead_back_to_each_other_end(data: bytes) -> None:
    with pytest.raises(ImageError, match="the TIFF image has no pixels"):
        read_header(data)


PADDED = {
    "jpeg: filling": JPEG[:2] + b"\xff" * 4_000_000 + JPEG[2:],
    "jpeg: stuffing": JPEG[:2] + b"\xff\0" * 2_000_000 + JPEG[2:],
    "jpeg: many comments": JPEG[:2] + jpeg_segment(0xFE, b"ab") * 20_000 + JPEG[2:],
    "jpeg: restarts": JPEG[:-2] + b"\xff\xd0" * 2_000_000 + JPEG[-2:],
    "jpeg: zeros for an end": JPEG[:-2] + bytes(4_000_000),
    "png: junk behind": PNG + b"IDAT" * 1_000_000,
    "png: chunks behind the pixels": PNG[:-12] + png_chunk(b"teXt", b"a") * 300_000 + PNG[-12:],
    "gif: a long comment": GIF[:781] + b"!\xfe" + (b"\xff" + b"a" * 255) * 16_000 + b"\0" + GIF[781:],
}


@pytest.mark.parametrize("data", PADDED.values(), ids=PADDED)
def test_padding_costs_no_more_than_its_bytes(data: bytes) -> None:
    start = time.perf_counter()
    assert read_header(data).size == load_image(data).shape[:2] == (40, 60)
    assert time.perf_counter() - start < 5


def test_a_jpeg_that_cannot_hold_its_pixels_is_truncated() -> None:
    size = Size(7000, 7000)
    whole = sized_jpeg(size)
    assert read_header(whole).size == size
    for data in (jpeg_of(size, JPEG, bytes(60)), jpeg_of(size, JPEG, bytes(len(whole) // 2))):
        for use in (read_header, load_image):
            with pytest.raises(ImageDecodeError, match="the JPEG image is truncated: its data ends too early"):
                use(data)
