"""Over 300 images made to hurt a service, each with the statuses it may be answered with.

    python tests/serving/hostile_images.py FOLDER

writes them out. 200: a good image, if an odd one. 400: none, or a damaged one. 413: too many pixels.
"""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin

GOOD, BAD, LARGE = 200, 400, 413
FORMATS = {"JPEG": "RGB", "PNG": "RGB", "WEBP": "RGB", "TIFF": "RGB", "BMP": "RGB", "GIF": "P"}


class Hostile(NamedTuple):
    name: str
    data: bytes
    statuses: frozenset[int]


def images() -> list[Hostile]:
    """All of them; the same on every call."""
    makers = (truncated, flipped, not_images, colour_models, orientations, bombs, polyglots, odd_pngs, shapes)
    return [Hostile(name, data, frozenset(statuses)) for make in makers for name, data, statuses in make()]


Made = Iterator[tuple[str, bytes, set[int]]]


def noise(width: int = 40, height: int = 30, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def truncated() -> Made:
    for form, mode in FORMATS.items():
        data = encode(noise(mode=mode), form)
        for share in (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97):
            yield f"truncated-{form}-{share}", data[: int(len(data) * share)], {BAD}
        yield f"without-last-byte-{form}", data[:-1], {GOOD, BAD}


def flipped() -> Made:
    """Damage in random places; anything is right but a failure."""
    rng = random.Random(0)
    for form, mode in FORMATS.items():
        data = encode(noise(mode=mode), form)
        for number in range(16):
            damaged = bytearray(data)
            for _ in range(rng.choice([1, 4, 16])):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            yield f"flipped-{form}-{number}", bytes(damaged), {GOOD, BAD, LARGE}


def not_images() -> Made:
    heads = {
        "text": b"hello world",
        "html": b"<!doctype html><script>alert(1)</script>",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "xml-bomb": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>',
        "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        "pdf": b"%PDF-1.7\n1 0 obj<<>>endobj",
        "zip": b"PK\x03\x04" + bytes(40),
        "gzip": b"\x1f\x8b\x08" + bytes(40),
        "elf": b"\x7fELF" + bytes(60),
        "mp4": b"\0\0\0\x18ftypmp42" + bytes(40),
        "heic": b"\0\0\0\x18ftypheic" + bytes(40),
        "ico": b"\0\0\x01\0\x01\0" + bytes(40),
        "psd": b"8BPS\0\x01" + bytes(40),
        "jpeg2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40),
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(40),
        "fits": b"SIMPLE  =                    T" + bytes(50),
        "ppm": b"P6 2 2 255\n" + bytes(12),
        "pfm": b"PF\n2 2\n-1.0\n" + bytes(48),
        "xbm": b"#define x_width 8\n#define x_height 8\nstatic char x_bits[] = {0};",
        "pickle": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x02os\x94.",
        "json": b'{"image": "..."}',
        "base64": b"/9j/4AAQSkZJRgABAQAAAQABAAD",
        "newline": b"\n",
        "nul": b"\0",
        "nuls": bytes(10_000),
        "bom": b"\xef\xbb\xbf",
        "random": random.Random(1).randbytes(5000),
    }
    for name, data in heads.items():
        yield f"not-an-image-{name}", data, {BAD}
    for name, magic in {
        "JPEG": b"\xff\xd8\xff",
        "PNG": b"\x89PNG\r\n\x1a\n",
        "GIF": b"GIF89a",
        "BMP": b"BM",
        "TIFF": b"II*\0",
        "BigTIFF": b"II+\0\x08\0\0\0",
        "WEBP": b"RIFF\x10\0\0\0WEBP",
    }.items():
        yield f"only-magic-{name}", magic, {BAD}
        yield f"magic-and-nuls-{name}", magic + bytes(500), {BAD}
        yield f"magic-and-ones-{name}", magic + b"\xff" * 500, {BAD}
        yield f"magic-and-noise-{name}", magic + random.Random(2).randbytes(500), {BAD, LARGE}


def colour_models() -> Made:
    for form, modes in {
        "JPEG": ["L", "RGB", "CMYK"],
        "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
        "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"],
        "BMP": ["1", "L", "P", "RGB", "RGBA"],
        "GIF": ["1", "L", "P"],
        "WEBP": ["L", "RGB", "RGBA"],
    }.items():
        for mode in modes:
            image = noise(mode="L").convert("I").convert(mode) if mode.startswith("I;") else noise().convert("RGB")
            if mode not in {"RGB", "I;16"}:
                image = noise(mode="RGB" if mode in {"LAB", "YCbCr", "CMYK", "RGBA"} else "L")
                image = image.convert(mode) if mode != "LAB" else Image.new("LAB", (40, 30))
            statuses = {GOOD, BAD} if mode in {"I", "F", "LAB"} else {GOOD}
            yield f"mode-{form}-{mode}", encode(image, form), statuses
    for compression in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"tiff-{compression}", encode(noise(), "TIFF", compression=compression), {GOOD}
    for compression in ("group3", "group4"):
        yield f"tiff-{compression}", encode(noise(mode="1"), "TIFF", compression=compression), {GOOD}
    yield "jpeg-progressive", encode(noise(), "JPEG", progressive=True), {GOOD}
    for subsampling in (0, 1, 2):
        yield f"jpeg-subsampling-{subsampling}", encode(noise(), "JPEG", subsampling=subsampling), {GOOD}
    yield "webp-lossless", encode(noise(), "WEBP", lossless=True), {GOOD}
    frames = [noise(mode="P"), noise(mode="P").rotate(90)]
    yield "gif-animated", encode(frames[0], "GIF", save_all=True, append_images=frames[1:]), {GOOD}
    yield "png-animated", encode(noise(), "PNG", save_all=True, append_images=[noise()]), {GOOD}
    yield "webp-animated", encode(noise(), "WEBP", save_all=True, append_images=[noise()]), {GOOD}
    yield "tiff-pages", encode(noise(), "TIFF", save_all=True, append_images=[noise()] * 3), {GOOD}
    for depth in (1, 2, 4, 8, 16):
        for colour in (0, 2, 3, 4, 6):
            allowed = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}[colour]
            legal = depth in allowed
            yield f"png-depth-{depth}-colour-{colour}", raw_png(8, 8, depth, colour), {GOOD} if legal else {BAD}


def orientations() -> Made:
    for form in ("JPEG", "PNG", "WEBP", "TIFF"):
        for value in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255):
            exif = Image.Exif()
            exif[0x0112] = value
            yield f"exif-{form}-{value}", encode(noise(), form, exif=exif), {GOOD}
    for name, block in {
        "garbage": b"Exif\0\0" + bytes(range(256)),
        "empty": b"Exif\0\0",
        "loop": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\x08\0\0\0",
        "far-offset": b"Exif\0\0MM\0*\xff\xff\xff\xff",
        "many-tags": b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(2000),
        "long": b"Exif\0\0" + b"A" * 60_000,
    }.items():
        yield f"exif-{name}", encode(noise(), "JPEG", exif=block), {GOOD}


def bombs() -> Made:
    for width, height in ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (30_000, 30_000), (8000, 8001)):
        yield f"png-header-{width}x{height}", raw_png(width, height, pixels=b""), {LARGE}
    yield "png-negative", raw_png(2**32 - 1, 2**32 - 1, pixels=b""), {BAD, LARGE}
    yield "png-deflate-bomb", raw_png(20_000, 20_000, 1, 0, zlib.compress(bytes(50_020_000), 9)), {LARGE}
    yield "png-too-much-data", raw_png(4, 4, pixels=bytes(10_000_000)), {GOOD, BAD}
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "a" * 20_000_000, zip=True)
    yield "png-text-bomb", encode(noise(), "PNG", pnginfo=text), {GOOD, BAD}
    yield "png-profile-bomb", encode(noise(), "PNG", icc_profile=bytes(20_000_000)), {GOOD, BAD}
    for side in (65_500, 65_535):
        jpeg = bytearray(encode(noise(), "JPEG"))
        at = jpeg.index(b"\xff\xc0") + 5
        jpeg[at : at + 4] = struct.pack(">HH", side, side)
        yield f"jpeg-header-{side}", bytes(jpeg), {LARGE}
    gif = bytearray(encode(noise(mode="P"), "GIF"))
    gif[6:10] = struct.pack("<HH", 65_535, 65_535)
    yield "gif-header", bytes(gif), {LARGE}
    bmp = bytearray(encode(noise(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 50_000, 50_000)
    yield "bmp-header", bytes(bmp), {LARGE}
    bmp[18:26] = struct.pack("<ii", -5, -5)
    yield "bmp-negative", bytes(bmp), {BAD, LARGE}
    bmp[18:26] = struct.pack("<ii", 2**31 - 1, -(2**31))
    yield "bmp-extreme", bytes(bmp), {BAD, LARGE}
    webp = b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff"
    yield "webp-header", webp, {BAD, LARGE}
    yield "tiff-header", tiff(60_000, 60_000), {LARGE, BAD}
    yield "tiff-zero", tiff(0, 0), {BAD}
    yield "tiff-strips", tiff(1000, 1000, strip_bytes=2**32 - 1), {BAD}
    yield "tiff-loop", b"II*\0\x08\0\0\0\0\0\x08\0\0\0", {BAD}
    yield "one-colour-40-megapixels", encode(Image.new("1", (8000, 5000)), "PNG"), {GOOD}


def polyglots() -> Made:
    for form, mode in FORMATS.items():
        data = encode(noise(mode=mode), form)
        yield f"polyglot-{form}-zip", data + b"PK\x03\x04" + bytes(30) + b"PK\x05\x06" + bytes(18), {GOOD}
        yield f"polyglot-{form}-html", data + b"<script>alert(1)</script>", {GOOD}
        yield f"polyglot-{form}-twice", data + data, {GOOD}
        yield f"prefixed-{form}", b"\n" + data, {BAD}
    jpeg = encode(noise(), "JPEG")
    comment = b"<?php system($_GET['c']); ?>"
    yield "jpeg-comment", jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:], {GOOD}
    yield "jpeg-without-end", jpeg.removesuffix(b"\xff\xd9"), {GOOD, BAD}
    yield "jpeg-many-comments", jpeg[:2] + b"\xff\xfe\0\x04ab" * 20_000 + jpeg[2:], {GOOD}
    yield "jpeg-only-markers", b"\xff\xd8" + b"\xff" * 10_000, {BAD}


def odd_pngs() -> Made:
    good = encode(noise(), "PNG")
    yield "png-wrong-checksum", good[:29] + b"\0\0\0\0" + good[33:], {GOOD, BAD}
    yield "png-no-end", good[:-12], {GOOD, BAD}
    yield "png-no-data", good[:33] + chunk(b"IEND", b""), {BAD}
    yield "png-two-headers", good[:33] + good[8:], {GOOD, BAD}
    yield "png-endless-chunk", good[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT", {BAD}
    yield "png-many-chunks", good[:33] + chunk(b"teXt", b"a") * 20_000 + good[33:], {GOOD, BAD}
    yield "png-exif-behind", good[:-12] + chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0") + good[-12:], {GOOD}
    for interlace, filters in ((1, 0), (2, 0), (0, 1)):
        header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, filters, interlace)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
        yield f"png-interlace-{interlace}-filter-{filters}", data + chunk(b"IEND", b""), {GOOD, BAD}
    yield "png-bad-palette", raw_png(8, 8, 8, 3, palette=b""), {GOOD, BAD}


def shapes() -> Made:
    for width, height in ((1, 1), (1, 3000), (3000, 1), (31, 33), (2, 2), (5000, 3), (33, 1025)):
        for form in ("PNG", "JPEG"):
            yield f"shape-{form}-{width}x{height}", encode(Image.new("RGB", (width, height), "white"), form), {GOOD}
    yield "png-zero-width", raw_png(0, 8, pixels=b""), {BAD}
    yield "png-zero", raw_png(0, 0, pixels=b""), {BAD}


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(
    width: int,
    height: int,
    depth: int = 8,
    colour: int = 2,
    pixels: bytes | None = None,
    palette: bytes = bytes(768),
) -> bytes:
    """A PNG of any header over any pixels, compressed or to be compressed."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    if pixels is None:
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        pixels = bytes(height * (1 + (width * depth * channels + 7) // 8))
    packed = pixels if pixels[:1] == b"\x78" else zlib.compress(pixels)
    table = chunk(b"PLTE", palette[: 3 * 2 ** min(depth, 8)]) if colour == 3 and palette else b""
    body = chunk(b"IHDR", header) + table + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(width: int, height: int, strip_bytes: int = 3) -> bytes:
    """A TIFF of one strip whose header says anything."""
    tags = [
        (256, 4, width),
        (257, 4, height),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, height),
        (279, 4, strip_bytes),
    ]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", t, kind, 1, v) for t, kind, v in tags)
    return b"II*\0" + struct.pack("<I", 16) + bytes(8) + directory + bytes(4)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for image in images():
        (folder / image.name).write_bytes(image.data)


if __name__ == "__main__":
    main()
