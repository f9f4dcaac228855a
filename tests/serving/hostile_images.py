"""Over 600 images made to hurt a service, each with the statuses it may be answered with.

    python tests/serving/hostile_images.py FOLDER

writes them out. 200: a good image, if an odd one. 400: none, or a damaged one. 413: too many pixels.
"""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib
from collections.abc import Iterator, Mapping
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
    makers = (
        *(truncated, flipped, not_images, colour_models, orientations, bombs, polyglots, shapes),
        *(odd_jpegs, odd_pngs, odd_tiffs, odd_gifs, odd_bmps, odd_webps, odd_heifs),
    )
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
    sizes = ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (30_000, 30_000), (12_000, 11_000))
    for width, height in sizes:
        yield f"png-header-{width}x{height}", raw_png(width, height, pixels=b""), {LARGE}
    yield "png-negative", raw_png(2**32 - 1, 2**32 - 1, pixels=b""), {BAD, LARGE}
    yield "png-deflate-bomb", raw_png(20_000, 20_000, 1, 0, zlib.compress(bytes(50_020_000), 9)), {LARGE}
    yield "png-too-much-data", raw_png(4, 4, pixels=bytes(10_000_000)), {GOOD, BAD}
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "a" * 20_000_000, zip=True)
    yield "png-text-bomb", encode(noise(), "PNG", pnginfo=text), {GOOD}
    yield "png-profile-bomb", encode(noise(), "PNG", icc_profile=bytes(20_000_000)), {GOOD}
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


def odd_jpegs() -> Made:
    good, progressive = encode(noise(), "JPEG"), encode(noise(), "JPEG", progressive=True)
    restarts = encode(noise(), "JPEG", restart_marker_blocks=1)
    head, body = good[:2], good[2:]
    end = b"\xff\xd9"
    yield "jpeg-without-end", good[:-2], {GOOD}
    yield "jpeg-zeros-for-end", good[:-2] + bytes(1000), {GOOD}
    yield "jpeg-progressive-without-end", progressive[:-2], {GOOD}
    yield "jpeg-restarts-without-end", restarts[:-2], {GOOD}
    for name, data in {"": good, "-progressive": progressive, "-restarts": restarts}.items():
        scan = data.index(b"\xff\xda")
        yield f"jpeg{name}-cut-and-ended", data[: scan + (len(data) - scan) // 8] + end, {BAD}
    yield "jpeg-restarts-cut-at-one", restarts[: restarts.index(b"\xff\xd3")] + end, {BAD}
    yield "jpeg-many-comments", head + segment(0xFE, b"ab") * 20_000 + body, {GOOD}
    yield "jpeg-only-markers", b"\xff\xd8" + b"\xff" * 10_000, {BAD}
    for name, marker, content, count in (
        ("empty-app1", 0xE1, b"", 200_000),
        ("app2", 0xE2, b"ab", 300_000),
        ("exif-chain", 0xE1, b"Exif\0\0II*\0\x08\0\0\0", 100_000),
        ("profile-chain", 0xE2, b"ICC_PROFILE\0\1\xff", 100_000),
        ("photoshop-chain", 0xED, b"Photoshop 3.0\0" + b"8BIM", 50_000),
        ("jfif-chain", 0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0", 100_000),
        ("adobe-chain", 0xEE, b"Adobe\0d\0\0\0\0\1", 100_000),
        ("tables", 0xC4, b"", 200_000),
        ("intervals", 0xDD, b"\0\0", 200_000),
        ("comments", 0xFE, b"", 300_000),
    ):
        yield f"jpeg-{name}", head + segment(marker, content) * count + body, {BAD}
        yield f"jpeg-{name}-behind", good[:-2] + segment(marker, content) * count + end, {BAD}
    yield "jpeg-large-segments", head + segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 100 + body, {GOOD}
    refinement = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + b"\0"
    for count in (101, 35_000):
        yield f"jpeg-{count}-scans", progressive[:-2] + refinement * count + end, {BAD}
    yield "jpeg-filling", head + b"\xff" * 3_000_000 + body, {GOOD}
    yield "jpeg-stuffing", head + b"\xff\0" * 1_500_000 + body, {GOOD}
    yield "jpeg-gaps", head + (segment(0xE3) + b"stray") * 30_000 + body, {BAD}
    yield "jpeg-restarts-behind", good[:-2] + b"\xff\xd3" * 1_000_000 + end, {GOOD}
    frame = good.index(b"\xff\xc0")
    for width, height in ((7000, 7000), (65_535, 700), (4000, 3000)):
        yield f"jpeg-claims-{width}x{height}", resized(good, frame, width, height), {BAD}
    for marker in (0xC1, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xCF):
        allowed = {GOOD, BAD} if marker in {0xC1, 0xC9, 0xCA} else {BAD}
        yield f"jpeg-frame-{marker:x}", good[: frame + 1] + bytes([marker]) + good[frame + 2 :], allowed
    for bits in (0, 1, 12, 16, 255):
        yield f"jpeg-{bits}-bits", good[: frame + 4] + bytes([bits]) + good[frame + 5 :], {BAD}
    yield "jpeg-two-frames", good[:frame] + good[frame : frame + 19] + good[frame:], {BAD}
    yield "jpeg-no-frame", good[:frame] + good[frame + 19 :], {BAD}
    yield "jpeg-no-scan", good[: good.index(b"\xff\xda")] + end, {BAD}


def resized(jpeg: bytes, frame: int, width: int, height: int) -> bytes:
    return jpeg[: frame + 5] + struct.pack(">HH", height, width) + jpeg[frame + 9 :]


def segment(marker: int, content: bytes = b"") -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", 2 + len(content)) + content


def odd_pngs() -> Made:
    good = encode(noise(), "PNG")
    yield "png-wrong-checksum", good[:29] + b"\0\0\0\0" + good[33:], {BAD}
    yield "png-no-end", good[:-12], {GOOD}
    yield "png-wrong-ancillary-checksum", good[:33] + chunk(b"tEXt", b"a")[:-1] + b"?" + good[33:], {GOOD}
    yield "png-unknown-profile-method", good[:33] + chunk(b"iCCP", b"a\0\7") + good[33:], {GOOD}
    yield (
        "png-animation-out-of-order",
        good[:33] + chunk(b"acTL", bytes(8)) + chunk(b"fcTL", bytes(26)) + good[33:],
        {GOOD},
    )
    for kind in (b"tEXt", b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"fcTL", b"IHDR", b"abcd"):
        yield f"png-300000-{kind.decode()}", good[:33] + chunk(kind, b"") * 300_000 + good[33:], {BAD}
        yield f"png-300000-{kind.decode()}-behind", good[:-12] + chunk(kind, b"") * 300_000 + good[-12:], {GOOD, BAD}
    for width, height in ((1, 50_000_000), (50_000_000, 1), (65_536, 1)):
        yield f"png-{width}x{height}", raw_png(width, height, 8, 0, zlib.compress(bytes(1000))), {LARGE}
    yield "png-half-the-rows", raw_png(40, 40, pixels=bytes(20 * 121)), {BAD}
    yield "png-one-row-less", raw_png(40, 40, pixels=bytes(39 * 121)), {BAD}
    yield "png-no-rows", raw_png(40, 40, pixels=b""), {BAD}
    yield "png-no-data", good[:33] + chunk(b"IEND", b""), {BAD}
    yield "png-two-headers", good[:33] + good[8:], {GOOD}
    yield "png-endless-chunk", good[:33] + struct.pack(">I", 2**31 - 1) + b"IDAT", {BAD}
    yield "png-many-chunks", good[:33] + chunk(b"teXt", b"a") * 20_000 + good[33:], {GOOD, BAD}
    yield "png-exif-behind", good[:-12] + chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0") + good[-12:], {GOOD}
    for interlace, filters in ((1, 0), (2, 0), (0, 1)):
        header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, filters, interlace)
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
        yield f"png-interlace-{interlace}-filter-{filters}", data + chunk(b"IEND", b""), {GOOD, BAD}
    yield "png-bad-palette", raw_png(8, 8, 8, 3, palette=b""), {BAD}


def odd_tiffs() -> Made:
    grey = bytes(range(256))
    plain: dict[int, int | list[int]] = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 277: 1}
    strip = {**plain, 273: 8, 278: 16, 279: 256}
    thumbnail = {**plain, 256: 4, 257: 4, 254: 1, 273: 8, 278: 4, 279: 16}
    yield "tiff-plain", directories(grey, strip), {GOOD}
    yield "tiff-thumbnail-first", directories(grey, thumbnail, strip), {GOOD}
    yield "tiff-only-thumbnails", directories(grey, thumbnail, thumbnail), {GOOD}
    yield "tiff-300-thumbnails", directories(grey, *[thumbnail] * 300), {GOOD}
    yield "tiff-thumbnail-that-is-its-own-picture", directories(grey, {**thumbnail, 330: 8 + 256}), {GOOD, BAD}
    loop = bytearray(directories(grey, thumbnail, thumbnail))
    loop[-4:] = struct.pack("<I", 8 + 256)
    yield "tiff-thumbnails-in-a-circle", bytes(loop), {GOOD}
    for width, height in ((32_768, 32_768), (16, 2**31), (1, 1), (0, 16)):
        tile = {**plain, 322: width, 323: height, 324: 8, 325: 256}
        for compression in (1, 5, 7, 8):
            yield f"tiff-tile-{width}x{height}-{compression}", directories(grey, {**tile, 259: compression}), {BAD}
    for count in (2, 300_000):
        many = [8] * count
        yield f"tiff-{count}-strips", directories(grey, {**strip, 273: many, 279: many}), {BAD} if count > 2 else {GOOD}
    rows: dict[int, int | list[int]] = {**plain, 257: 4000, 278: 1, 273: [8] * 4000, 279: [200_000] * 4000}
    for compression in (5, 7, 8, 32_773, 50_000):
        name = f"tiff-strips-over-each-other-{compression}"
        yield name, directories(bytes(200_000), {**rows, 259: compression}), {BAD}
    scans = b"\xff\xd8" + segment(0xDA, bytes(6)) * 35_000 + b"\xff\xd9"
    yield "tiff-jpeg-scans", directories(scans, {**strip, 259: 7, 279: len(scans)}), {BAD}
    for tag in (256, 258, 262, 277, 284, 320, 338, 347, 532):
        yield f"tiff-long-tag-{tag}", directories(grey, {**strip, tag: [1] * 200_000}), {GOOD, BAD}
        yield f"tiff-huge-tag-{tag}", directories(grey, {**strip, tag: 2**32 - 1}), {GOOD, BAD, LARGE}
    tags = struct.pack("<HHII", 254, 4, 1, 1)
    yield "tiff-60000-tags", b"II*\0\x08\0\0\0" + struct.pack("<H", 60_000) + tags * 60_000 + bytes(4), {BAD}
    yield "tiff-far-directory", b"II+\0\x08\0\0\0" + b"\xff" * 8, {BAD}
    yield "tiff-far-tags", b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**62) + bytes(100), {BAD}


def directories(pixels: bytes, *pages: Mapping[int, int | list[int]]) -> bytes:
    """A TIFF of pixels at offset 8, and of directories one after the other, all of whose values are LONG."""
    body = bytearray(b"II*\0" + bytes(4) + pixels)
    link = 4
    for page in pages:
        entries, start = b"", len(body)
        beyond = bytearray()
        for tag, value in sorted(page.items()):
            values = value if isinstance(value, list) else [value]
            field = struct.pack(f"<{len(values)}I", *values)
            if len(values) > 1:
                place = start + 2 + 12 * len(page) + 4 + len(beyond)
                beyond += field
                field = struct.pack("<I", place)
            entries += struct.pack("<HHI", tag, 4, len(values)) + field
        struct.pack_into("<I", body, link, start)
        body += struct.pack("<H", len(page)) + entries + bytes(4)
        link = len(body) - 4
        body += beyond
    return bytes(body)


def odd_gifs() -> Made:
    good = encode(noise(mode="P"), "GIF")
    start = 13 + 768
    for name, extension, statuses in (
        ("comment", b"!\xfe" + b"\1a" * 500_000 + b"\0", {BAD}),
        ("long-comment", b"!\xfe" + (b"\xff" + b"a" * 255) * 10_000 + b"\0", {GOOD}),
        ("comments", b"!\xfe\1a\0" * 300_000, {BAD}),
        ("application", b"!\xff\x0bNETSCAPE2.0" + b"\1a" * 500_000 + b"\0", {BAD}),
        ("controls", b"!\xf9\4\1\0\0\0\0" * 300_000, {BAD}),
        ("nothing", bytes(2_000_000), {BAD}),
        ("unknown", b"x" * 2_000_000, {BAD}),
        ("endless", b"!\xfe\xff", {GOOD, BAD}),
    ):
        yield f"gif-{name}", good[:start] + extension + good[start:], statuses
    frame = good.index(b",", start)
    for name, place in {"outside": (65_000, 65_000, 500, 500), "wide": (0, 0, 65_535, 65_535)}.items():
        yield f"gif-frame-{name}", good[: frame + 1] + struct.pack("<HHHH", *place) + good[frame + 9 :], {LARGE}
    yield "gif-empty-frame", good[: frame + 1] + bytes(8) + good[frame + 9 :], {BAD}
    yield "gif-ended-at-once", good[: frame + 10] + b"\x08\3\0\x03\1\0;", {BAD}


def odd_bmps() -> Made:
    for width, height, statuses in (
        (16_000_000, 3, {LARGE}),
        (3, -16_000_000, {LARGE}),
        (60_000, 400, {GOOD}),
    ):
        yield f"bmp-rle-{width}x{height}", rle_bmp(width, height, b"\0\1"), statuses
    yield "bmp-rle-cut", rle_bmp(100, 100, b"\x64\5\0\0" * 50), {BAD}
    yield "bmp-rle-too-much", rle_bmp(10, 10, b"\xff\5" * 100_000 + b"\0\1"), {GOOD, BAD}
    yield "bmp-rle-jumps", rle_bmp(100, 100, b"\0\2\xff\xff" * 100_000 + b"\0\1"), {GOOD, BAD}
    yield "bmp-rle-empty-lines", rle_bmp(100, 100, b"\0\0" * 500_000), {GOOD, BAD}
    good = encode(noise(), "BMP")
    for length in (0, 11, 13, 41, 2**31):
        yield f"bmp-header-of-{length}", good[:14] + struct.pack("<I", length) + good[18:], {BAD}
    for place in (0, 10, 2**31):
        yield f"bmp-pixels-at-{place}", good[:10] + struct.pack("<I", place) + good[14:], {GOOD, BAD}


def rle_bmp(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + header + bytes(1024) + rows


def odd_webps() -> Made:
    picture = riff(b"VP8L", b"\x2f" + struct.pack("<I", 7 | 7 << 14) + b"\x88\x88\x08\0\0\0\0")
    plain = encode(Image.new("RGB", (8, 8), "navy"), "WEBP", lossless=True)[12:]
    frame = riff(b"ANMF", bytes(6) + b"\7\0\0\7\0\0" + bytes(4) + plain)
    for side, statuses in ((7071, {GOOD}), (16_384, {LARGE}), (2**24, {LARGE})):
        head = riff(b"VP8X", b"\2\0\0\0" + (side - 1).to_bytes(3, "little") * 2)
        yield f"webp-canvas-of-{side}", webp(head, riff(b"ANIM", bytes(6)), frame), statuses
    yield "webp-one-colour-7071x7071", encode(Image.new("RGB", (7071, 7071)), "WEBP", lossless=True, method=0), {GOOD}
    head = riff(b"VP8X", b"\2\0\0\0\7\0\0\7\0\0")
    yield "webp-many-frames", webp(head, riff(b"ANIM", bytes(6)), frame * 5000), {GOOD, BAD}
    yield "webp-many-chunks", webp(head, riff(b"abcd", b"") * 300_000, plain), {BAD}
    yield "webp-many-chunks-behind", webp(b"VP8X\x0a\0\0\0\x08" + head[9:], plain, riff(b"abcd", b"") * 300_000), {GOOD}
    yield "webp-unlike-its-canvas", webp(riff(b"VP8X", bytes(4) + b"\1\0\0\1\0\0"), plain), {BAD}
    yield "webp-without-picture", webp(head), {BAD}
    yield "webp-damaged", webp(picture), {GOOD, BAD}


def riff(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def webp(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


def odd_heifs() -> Made:
    for brand in (b"heic", b"mif1", b"avif", b"avis"):
        name = brand.decode()
        head = box(b"ftyp", brand + bytes(4) + brand)
        yield f"heif-{name}-alone", head, {BAD}
        yield f"heif-{name}-boxes", head + box(b"free", b"") * 300_000, {BAD}
        yield f"heif-{name}-properties", head + meta(box(b"free", b"") * 300_000, b"\1"), {BAD}
        yield f"heif-{name}-nested", head + box(b"meta", bytes(4) + b"\0\0\0\x09meta" * 100_000), {BAD}
        for width, height in ((20_000, 20_000), (2**32 - 1, 2**32 - 1), (1, 70_000)):
            size = box(b"ispe", struct.pack(">III", 0, width, height))
            yield f"heif-{name}-{width}x{height}", head + meta(size, b"\1"), {LARGE}
        small = box(b"ispe", struct.pack(">III", 0, 8, 8))
        yield f"heif-{name}-without-pixels", head + meta(small, b"\1"), {BAD}
        yield f"heif-{name}-unknown-property", head + meta(small, b"\x7f"), {BAD}


def meta(properties: bytes, numbers: bytes) -> bytes:
    association = struct.pack(">IIHB", 0, 1, 1, len(numbers)) + numbers
    items = box(b"iprp", box(b"ipco", properties) + box(b"ipma", association))
    return box(b"meta", bytes(4) + box(b"pitm", bytes(4) + b"\0\1") + items)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


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
