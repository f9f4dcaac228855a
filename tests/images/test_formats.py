"""Each format's files as programs write them: what makes no pixels stops nothing, and missing pixels are told."""

from __future__ import annotations

import base64
import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from east import ImageDecodeError, ImageError
from east.images import header_size, load_image, read_header
from east.types import Size
from tests.support.image_files import (
    bmp,
    box,
    encode,
    heif,
    jpeg_segment,
    png,
    png_chunk,
    tiff,
    tiff_tags,
    tile_tags,
)

NOISE = np.random.default_rng(0).integers(0, 256, (48, 70, 3), np.uint8)
SCENE = np.asarray(cv2.GaussianBlur(NOISE, (5, 5), 2), np.uint8)
RGB = Image.fromarray(SCENE)
SIDEWAYS = Image.Exif()
SIDEWAYS[0x0112] = 6


def by_pillow(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def truncated(form: str) -> Any:
    return pytest.raises(ImageDecodeError, match=f"^the {form} image is truncated: its data ends too early$")


# --- PNG

PLAIN_PNG = encode(RGB, "PNG")
TEXT = PngImagePlugin.PngInfo()
TEXT.add_text("comment", "a" * 2_000_000, zip=True)
TEXT.add_text("too", "b" * 2_000_000)
TEXT.add_itxt("XML:com.adobe.xmp", "c" * 2_000_000, zip=True)
PNGS = {
    "texts over 1 MiB": encode(RGB, "PNG", pnginfo=TEXT),
    "a profile over 1 MiB": encode(RGB, "PNG", icc_profile=bytes(2_000_000)),
    **{
        name: PLAIN_PNG[:33] + chunk + PLAIN_PNG[33:]
        for name, chunk in {
            "an unknown compression of a profile": png_chunk(b"iCCP", b"sRGB\0\7" + zlib.compress(bytes(100))),
            "a damaged profile": png_chunk(b"iCCP", b"sRGB\0\0not compressed"),
            "a profile without an end of its name": png_chunk(b"iCCP", b"sRGB"),
            "a wrong checksum": png_chunk(b"tEXt", b"comment\0text", checksum=1),
            "no checksum of gamma": png_chunk(b"gAMA", struct.pack(">I", 45_455), checksum=0),
            "short chunks": b"".join(png_chunk(kind, b"\1") for kind in (b"gAMA", b"cHRM", b"pHYs", b"tIME", b"sRGB")),
            "empty chunks": b"".join(png_chunk(kind, b"") for kind in (b"iCCP", b"tEXt", b"zTXt", b"iTXt", b"eXIf")),
            "an animation out of order": png_chunk(b"acTL", bytes(8)) + png_chunk(b"fcTL", bytes(26)),
            "a frame outside": png_chunk(b"acTL", struct.pack(">II", 2, 0))
            + png_chunk(b"fcTL", b"\0" * 4 + b"\1" * 22),
            "an unknown chunk": png_chunk(b"abCd", bytes(100)),
            "an unknown chunk of no letters": png_chunk(b"\x00\xff\x01\x02", bytes(100)),
            "transparency of the wrong length": png_chunk(b"tRNS", bytes(3)),
            "transparency with a wrong checksum": png_chunk(b"tRNS", SCENE[0, 0].astype(">u2").tobytes(), checksum=7),
            "a palette that nobody needs": png_chunk(b"PLTE", bytes(7), checksum=3),
        }.items()
    },
    "a chunk behind that is cut": PLAIN_PNG[:-12] + png_chunk(b"tEXt", bytes(100))[:-50],
    "a chunk behind with a wrong checksum": PLAIN_PNG[:-12] + png_chunk(b"zTXt", b"a", checksum=5) + PLAIN_PNG[-12:],
    "a wrong checksum of pixels": PLAIN_PNG[:-16] + b"\0\1\2\3" + PLAIN_PNG[-12:],
    "a second header": PLAIN_PNG[:33] + PLAIN_PNG[8:],
    "no end": PLAIN_PNG[:-12],
    "pixels in empty and in small chunks": PLAIN_PNG[:33]
    + b"".join(png_chunk(b"IDAT", piece) for piece in (b"", PLAIN_PNG[41:42], b"", PLAIN_PNG[42:-16], b""))
    + PLAIN_PNG[-12:],
    "interlaced": png(SCENE, 2, interlaced=True),
}


@pytest.mark.parametrize("data", PNGS.values(), ids=PNGS)
def test_a_png_is_its_pixels_whatever_else_it_has(data: bytes) -> None:
    np.testing.assert_array_equal(load_image(data), SCENE)
    assert header_size(data) == SCENE.shape[:2]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (PLAIN_PNG[:29] + bytes(4) + PLAIN_PNG[33:], "its header is damaged"),
        (PLAIN_PNG[:8] + png_chunk(b"CgBI", bytes(4)) + PLAIN_PNG[8:], "its header does not come first"),
        (png(SCENE[..., 0], 3), "its palette is missing or damaged"),
        (png(SCENE[..., 0], 3, png_chunk(b"PLTE", bytes(768), checksum=1)), "its palette is missing or damaged"),
        (png(SCENE[..., 0], 3, png_chunk(b"PLTE", bytes(767))), "its palette is missing or damaged"),
        (png(SCENE, 5), "its header says colour type 5"),
        (PLAIN_PNG[:-20] + b"\xff" * 4 + PLAIN_PNG[-16:], "broken data stream when reading image file"),
    ],
)
def test_a_png_without_what_its_pixels_need_is_corrupt(data: bytes, why: str) -> None:
    with pytest.raises(ImageDecodeError, match=f"^the PNG image is corrupt or of an unknown kind: {why}$"):
        load_image(data)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("missing", [1, 20])
def test_a_png_of_too_few_rows_is_truncated(interlaced: bool, missing: int) -> None:
    rows = 90 if interlaced else 48
    for pixels, colour in ((SCENE, 2), (SCENE[..., 0], 0), (SCENE.astype(np.uint16), 2)):
        with truncated("PNG"):
            load_image(png(pixels, colour, interlaced=interlaced, rows=rows - missing))


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_pixels_are_not_those_of_its_checksum_is_corrupt(interlaced: bool) -> None:
    data = bytearray(png(SCENE, 2, interlaced=interlaced))
    data[-17] ^= 1
    with pytest.raises(ImageDecodeError, match=r"^the PNG image is corrupt or of an unknown kind: "):
        load_image(bytes(data))


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_that_ends_in_black_is_whole(interlaced: bool) -> None:
    pixels = SCENE.copy()
    pixels[30:] = 0
    np.testing.assert_array_equal(load_image(png(pixels, 2, interlaced=interlaced)), pixels)
    np.testing.assert_array_equal(load_image(png(pixels[..., 0], 0, interlaced=interlaced))[..., 0], pixels[..., 0])


# --- JPEG

JPEGS = {
    "jpeg": encode(RGB, "JPEG"),
    "grey": encode(RGB.convert("L"), "JPEG"),
    "fine": encode(RGB, "JPEG", quality=98, subsampling=0),
    "coarse": encode(RGB, "JPEG", quality=3),
    "own tables": encode(RGB, "JPEG", optimize=True),
    "one colour": encode(Image.new("RGB", (70, 48), "white"), "JPEG", optimize=True),
    "grey as missing pixels": encode(Image.new("RGB", (70, 48), (128, 128, 128)), "JPEG"),
    "restarts": encode(RGB, "JPEG", restart_marker_blocks=2),
    "restarts in rows": encode(RGB, "JPEG", restart_marker_rows=1, subsampling=0),
    "progressive": encode(RGB, "JPEG", progressive=True),
    "progressive grey": encode(RGB.convert("L"), "JPEG", progressive=True),
    "progressive restarts": encode(RGB, "JPEG", progressive=True, restart_marker_blocks=3),
    "cmyk": encode(RGB.convert("CMYK"), "JPEG"),
}
jpegs = pytest.mark.parametrize("data", JPEGS.values(), ids=JPEGS)


@jpegs
@pytest.mark.parametrize(
    "behind", [b"", b"\xff", b"\0", bytes(3000), b"\0\xff\0nothing", b"\xff\xe1\xff\xff\0", b"\xff\x05"]
)
def test_a_jpeg_without_its_end_marker_is_whole(data: bytes, behind: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    np.testing.assert_array_equal(load_image(data[:-2] + behind), by_pillow(data))
    assert header_size(data[:-2] + behind) == (48, 70)
    assert capfd.readouterr().err == ""


@jpegs
def test_a_jpeg_with_less_is_truncated_or_shows_the_same(data: bytes) -> None:
    whole, refused = by_pillow(data), []
    lengths = [*range(len(data) // 2, len(data) - 60, 23), *range(len(data) - 60, len(data) - 2)]
    for length in lengths:
        try:
            image = load_image(data[:length])
        except ImageDecodeError as error:
            refused.append(str(error))
        else:
            np.testing.assert_array_equal(image, whole)
    assert set(refused) == {"the JPEG image is truncated: its data ends too early"}
    assert len(refused) >= 0.9 * len(lengths)


@pytest.mark.parametrize("kind", [kind for kind in JPEGS if "progressive" not in kind])
def test_a_jpeg_with_less_and_then_an_end_is_truncated(kind: str) -> None:
    data = JPEGS[kind]
    start = data.index(b"\xff\xda")
    for length in (start + 20, start + (len(data) - start) // 6, start + (len(data) - start) // 2):
        with truncated("JPEG"):
            load_image(data[:length] + b"\xff\xd9")


def test_a_jpeg_without_its_last_scans_and_its_end_is_truncated() -> None:
    data = JPEGS["progressive"]
    last = data.rindex(b"\xff\xda")
    tables = data.rindex(b"\xff\xc4", 0, last)
    assert load_image(data[:tables] + b"\xff\xd9").shape == (48, 70, 3)  # as browsers: a whole one, if a coarser
    with truncated("JPEG"):
        load_image(data[:tables])


def test_a_jpeg_without_one_of_its_colours_is_truncated() -> None:
    data = JPEGS["fine"]
    scan = jpeg_segment(0xDA, b"\1\1\0\0\x3f\0") + bytes(1000)
    with truncated("JPEG"):
        load_image(data[: data.index(b"\xff\xda")] + scan + b"\xff\xd9")


def test_what_lies_behind_a_jpeg_is_no_part_of_it() -> None:
    for behind in (JPEGS["grey"], jpeg_segment(0xE1) * 9, b"\xff\xc0\xff\xff", bytes(1000)):
        np.testing.assert_array_equal(load_image(JPEGS["jpeg"] + behind), by_pillow(JPEGS["jpeg"]))


def with_segments(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


XMP = jpeg_segment(
    0xE1, b"http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation='6' tiff:Orientation=\"6\"/>"
)


def test_orientation_is_that_of_the_first_exif_block() -> None:
    data = JPEGS["jpeg"]
    upright, sideways = by_pillow(data), np.rot90(by_pillow(data), -1)
    turned = jpeg_segment(0xE1, SIDEWAYS.tobytes())
    flat = jpeg_segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\0\0")
    for segments, expected in (
        ([turned], sideways),
        ([flat, turned], upright),
        ([turned, flat], sideways),
        ([XMP], upright),
        ([XMP, turned], sideways),
        ([jpeg_segment(0xE1, b"FLIR\0"), turned], sideways),
    ):
        file = with_segments(data, *segments)
        np.testing.assert_array_equal(load_image(file), expected)
        assert header_size(file) == expected.shape[:2]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_in_xmp_alone_counts_for_nothing(form: str) -> None:
    xmp = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode())
        data = encode(RGB, form, pnginfo=text)
    else:
        data = encode(RGB, form, **({"tiffinfo": {700: xmp}} if form == "TIFF" else {"xmp": xmp}))
    assert b"tiff:Orientation" in data
    assert header_size(data) == load_image(data).shape[:2] == (48, 70)
    if form != "TIFF":  # which Pillow itself turns, if it is asked to open the file
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(load_image(image), load_image(data))


def test_a_jpeg_keeps_what_says_how_its_colours_are_stored() -> None:
    for data in (JPEGS["cmyk"], encode(RGB, "JPEG", keep_rgb=True)):
        np.testing.assert_array_equal(load_image(with_segments(data, XMP)), by_pillow(data))


RARE_JPEGS = {  # the colours of GRADIENT, or its red as grey, by jpegtran and libjpeg-turbo
    "arithmetic": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8X"
        "GBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/yQAR"
        "CAAIAAwDAREAAhEBAxEB/8wACgAQEAUBEBEF/9oADAMBAAIRAxEAPwD/AM+GrhyrW+w1J+jnOx8t2y55SINTuz7UneLhP5JrjVcEAKCCXcoX"
        "V5ntCS8Q/9k="
    ),
    "arithmetic and progressive": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8X"
        "GBYUGBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/ygAR"
        "CAAIAAwDAREAAhEBAxEB/8wABgAQARD/2gAMAwEAAhADEAAAAf8Anzx22jZcYXD/zAAEEAX/2gAIAQEAAQUCFctYk551XKT/zAAEEQX/2gAI"
        "AQMBAT8BFjCHQ1OhBboWgP/MAAQRBf/aAAgBAgEBPwEajA+BQP/MAAQQBf/aAAgBAQAGPwIKzOD/zAAEEAX/2gAIAQEAAT8hHreVcoD/2gAM"
        "AwEAAgADAAAAEAz/zAAEEQX/2gAIAQMBAT8QIP/MAAQRBf/aAAgBAgEBPxAfNoD/zAAEEAX/2gAIAQEAAT8Q0vOh3P/Z"
    ),
    "lossless": (
        "/9j/7gAOQWRvYmUAZAAAAAAA/8MAEQgACAAMA1IRAEcRAEIRAP/EABcAAAMBAAAAAAAAAAAAAAAAAAAEBQj/2gAMA1IARwBCAAEAAM/5/wA/"
        "1BqoNVBqoNVBqoNVBqoNVBqoNVBovNVBqoNVBqoNVBqoNVBqoNVBqoNVBovNVBqoNVBqoNVBqoNVBqoNVBqoNVBovNVBqoNVBqoNVBqoNVBq"
        "oNVBqoNVBovNVBqoNVBqoNVBqoNVBqoNVBqoNVBovNVBqoNVBqoNVBqoNVBqoNVBqoNVBovNVBqoNVBqoNVBqoNVBqoNVBqoNVBovNVBqoNV"
        "BqoNVBqoNVBqoNVBqoNVBr//2Q=="
    ),
    "lossless grey": (
        "/9j/4AAQSkZJRgABAQAAAQABAAD/wwALCAAIAAwBAREA/8QAFgABAQEAAAAAAAAAAAAAAAAABQAI/9oACAEBAAEAAM/qKKKKKKKKKKSiiiii"
        "iiiiikoooooooooopKKKKKKKKKKKSiiiiiiiiiikoooooooooopKKKKKKKKKKKSiiiiiiiiiin//2Q=="
    ),
}
ROW, COLUMN = np.mgrid[:8, :12]
GRADIENT = np.dstack([COLUMN * 20, ROW * 30, (ROW + COLUMN) * 10]).astype(np.uint8)


@pytest.mark.parametrize("kind", RARE_JPEGS)
def test_rare_codings_of_jpeg_are_read(kind: str) -> None:
    data = base64.b64decode(RARE_JPEGS[kind])
    expected = np.repeat(GRADIENT[..., :1], 3, axis=2) if "grey" in kind else GRADIENT
    assert np.abs(load_image(data).astype(int) - expected).max() <= (0 if "lossless" in kind else 12)
    assert header_size(data) == (8, 12)
    with truncated("JPEG"):
        load_image(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("offset", "value", "why"),
    [
        (1, 0xC5, "hierarchical JPEGs, and lossless ones in arithmetic coding, cannot be read"),
        (1, 0xCB, "hierarchical JPEGs, and lossless ones in arithmetic coding, cannot be read"),
        (4, 12, "it has 12 bits a sample, and 8 can be read"),
        (9, 2, "it has 2 components, and 1, 3 or 4 can be read"),
        (11, 0, "its frame header names impossible components"),
    ],
)
def test_jpegs_that_cannot_be_read_are_told_apart(offset: int, value: int, why: str) -> None:
    data = bytearray(JPEGS["jpeg"])
    data[data.index(b"\xff\xc0") + offset] = value
    for use in (read_header, load_image):
        with pytest.raises(ImageDecodeError, match=f"^the JPEG image is corrupt or of an unknown kind: {why}$"):
            use(bytes(data))


# --- TIFF

THUMBNAIL = np.full((6, 9, 3), 200, np.uint8)
REDUCED, MASK, PAGE = {254: 1}, {254: 4}, {254: 2}
KINDS = [("<", False), (">", False), ("<", True)]


def pages() -> Iterator[tuple[str, list[dict[int, Any]]]]:
    full, small = tiff_tags(SCENE), tiff_tags(THUMBNAIL)
    yield "thumbnail first", [{**small, **REDUCED}, full]
    yield "old thumbnail first", [{**small, 255: 2}, full]
    yield "mask first", [{**small, **MASK}, full]
    yield "pages", [{**full, **PAGE}, {**small, **PAGE}]
    yield "thumbnail behind", [full, {**small, **REDUCED}]
    yield "picture below a thumbnail", [{**small, **REDUCED, 330: [full]}]
    yield "picture below a thumbnail, second", [{**small, **REDUCED, 330: [{**small, **REDUCED}, full]}]
    yield "thumbnails below the picture", [{**full, 330: [{**small, **REDUCED}] * 5}]
    yield "two thumbnails first", [{**small, **REDUCED}, {**small, **REDUCED, 330: [{**small, **MASK}]}, full]
    yield "nothing but a reduced picture", [{**full, **REDUCED}, {**small, **REDUCED}]
    yield "tiles", [tile_tags(SCENE, 16)]
    yield "tiles of 256", [tile_tags(SCENE, 256)]
    yield "one-row strips", [tiff_tags(SCENE, rows=1)]
    yield "strips that do not divide it", [tiff_tags(SCENE, rows=7)]
    yield "strips longer than it", [{**full, 278: 2**32 - 1}]
    yield "spare strips", [{**full, 273: [SCENE.tobytes(), b"", b""]}]


@pytest.mark.parametrize(("order", "big"), KINDS)
@pytest.mark.parametrize("directories", [pytest.param(made, id=name) for name, made in pages()])
def test_the_picture_of_a_tiff_is_read(directories: list[dict[int, Any]], order: str, big: bool) -> None:
    data = tiff(*directories, order=order, big=big)
    np.testing.assert_array_equal(load_image(data), SCENE)
    assert header_size(data) == SCENE.shape[:2]


@pytest.mark.parametrize("form", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"])
def test_a_compressed_picture_behind_a_thumbnail_is_read(form: str) -> None:
    data = encode(RGB, "TIFF", compression=form, tiffinfo={278: 16})
    first = struct.unpack_from("<I", data, 4)[0]
    offset = len(data) + len(data) % 2
    thumbnail = struct.pack("<HHHIIHHII", 2, 254, 4, 1, 1, 256, 4, 1, 9) + struct.pack("<I", first)
    file = data[:4] + struct.pack("<I", offset) + data[8:].ljust(offset - 8, b"\0") + thumbnail
    np.testing.assert_array_equal(load_image(file), by_pillow(data))


def test_the_orientation_of_a_tiff_is_that_of_its_picture() -> None:
    data = tiff({**tiff_tags(THUMBNAIL), **REDUCED, 274: 3}, {**tiff_tags(SCENE), 274: 6})
    np.testing.assert_array_equal(load_image(data), np.rot90(SCENE, -1))
    assert header_size(data) == (70, 48)


def test_a_cameras_raw_samples_are_named() -> None:
    raw = {**tiff_tags(SCENE[..., 0]), 262: 32_803}
    with pytest.raises(ImageDecodeError, match=r"^the TIFF image holds a camera's raw samples: develop it"):
        load_image(tiff({**tiff_tags(THUMBNAIL), **REDUCED, 330: [raw]}))


@pytest.mark.parametrize("rows", [1, 7, 48])
@pytest.mark.parametrize("side", [None, 16])
def test_a_tiff_without_all_its_pixels_is_truncated(rows: int, side: int | None) -> None:
    tags = tiff_tags(SCENE, rows=rows) if side is None else tile_tags(SCENE, side)
    places = 273 if side is None else 324
    fewer = {**tags, places: tags[places][:-1] or [b""]}
    data = tiff(tags)
    beyond = data.replace(struct.pack("<HHI", places, 4, len(tags[places])), struct.pack("<HHI", places, 4, 0))
    for damaged in (tiff(fewer), beyond, data[: len(data) // 2], data[:-20]):
        with truncated("TIFF"):
            load_image(damaged)


# --- BMP

MASKS = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
PALETTE = np.random.default_rng(1).integers(0, 256, (256, 4), np.uint8).tobytes()


def bmp_rows(alpha: int | NDArray[np.uint8]) -> bytes:
    return np.dstack([SCENE[::-1, :, ::-1], np.broadcast_to(alpha, SCENE.shape[:2])]).astype(np.uint8).tobytes()


@pytest.mark.parametrize("alpha", [0, 255])
@pytest.mark.parametrize("masks", [b"", MASKS])
def test_a_bmp_whose_alpha_is_zero_everywhere_is_opaque(alpha: int, masks: bytes) -> None:
    data = bmp(70, 48, 32, 3 if masks else 0, bmp_rows(alpha), masks=masks)
    np.testing.assert_array_equal(load_image(data), SCENE)
    with Image.open(io.BytesIO(data)) as image:
        np.testing.assert_array_equal(load_image(image), SCENE)


def test_a_bmp_with_some_alpha_is_transparent_there() -> None:
    alpha = np.full(SCENE.shape[:2], 255, np.uint8)
    alpha[:10] = 0
    expected = SCENE.copy()
    expected[-10:] = 255
    np.testing.assert_array_equal(load_image(bmp(70, 48, 32, 3, bmp_rows(alpha), masks=MASKS)), expected)


def run_length_rows(depth: int, rows: int, rng: np.random.Generator) -> bytes:
    """Rows of 33 pixels in runs and in pieces that are spelled out."""
    data = b""
    for _ in range(rows):
        left = 33
        while left:
            count = int(rng.integers(1, min(left, 12) + 1))
            values = rng.integers(0, 256, 12, np.uint8).tobytes()
            if count < 3 or rng.random() < 0.5:
                data += bytes([count]) + values[:1]
            else:
                used = count if depth == 8 else (count + 1) // 2
                data += bytes([0, count]) + values[:used] + bytes(used % 2)
            left -= count
        data += b"\0\0"
    return data + b"\0\1"


@pytest.mark.parametrize("depth", [4, 8])
@pytest.mark.parametrize("seed", range(10))
def test_run_length_coded_bmps_have_the_pixels_that_pillow_gives_them(depth: int, seed: int) -> None:
    rows = run_length_rows(depth, 9, np.random.default_rng(seed))
    data = bmp(33, 9, depth, 3 - depth // 4, rows, PALETTE[: 4 << depth])
    np.testing.assert_array_equal(load_image(data), by_pillow(data))
    assert header_size(data) == (9, 33)


def test_a_run_length_coded_bmp_may_end_early_and_not_be_cut() -> None:
    data = bmp(33, 9, 8, 1, b"\x21\x05\0\1", PALETTE)
    image = load_image(data)
    assert (image[-1] == np.frombuffer(PALETTE[20:23][::-1], np.uint8)).all()
    assert (image[:-1] == np.frombuffer(PALETTE[2::-1], np.uint8)).all()
    with truncated("BMP"):
        load_image(bmp(33, 9, 8, 1, b"\x21\x05\0", PALETTE))


# --- GIF and WebP


def test_the_first_frame_of_a_gif_may_be_less_or_more_than_its_canvas() -> None:
    small = encode(Image.new("P", (20, 10), 1), "GIF")
    at = small.index(b",")
    for place in ((5, 5), (0, 0)):
        larger = (
            small[:6] + struct.pack("<HH", 30, 15) + small[10 : at + 1] + struct.pack("<HH", *place) + small[at + 5 :]
        )
        np.testing.assert_array_equal(load_image(larger), by_pillow(larger))
    smaller = small[:6] + struct.pack("<HH", 3, 3) + small[10:]
    assert header_size(smaller) == load_image(smaller).shape[:2] == (10, 20)


def test_a_gif_of_too_few_pixels_is_truncated() -> None:
    head = b"GIF89a" + struct.pack("<HHBBB", 40, 40, 0x80, 0, 0) + bytes(3) + b"\xff" * 3
    frame = b"," + struct.pack("<HHHHB", 0, 0, 40, 40, 0) + b"\2"
    for codes in (b"\x0c\x0a", b"\x4c\x0a", b"\x8c"):  # clear, pixels, perhaps the end
        with truncated("GIF"):
            load_image(head + frame + bytes([len(codes)]) + codes + b"\0;")


def webp_chunks(data: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 4)[0]
        chunks.setdefault(data[at : at + 4], data[at : at + 8 + length + length % 2])
        at += 8 + length + length % 2
    return chunks


def webp(*chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("lossless", [False, True])
def test_webps_have_the_pixels_that_pillow_gives_them(mode: str, lossless: bool) -> None:
    for size in ((70, 48), (1, 1), (33, 1), (17, 31)):
        picture = RGB.resize(size).convert(mode)
        data = encode(picture, "WEBP", lossless=lossless)
        np.testing.assert_array_equal(load_image(data), by_pillow(data))


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_first_frame_of_a_webp_may_be_less_than_its_canvas(mode: str, lossless: bool) -> None:
    frames = [RGB.convert(mode), RGB.convert(mode).rotate(180)]
    data = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=lossless)
    np.testing.assert_array_equal(load_image(data), by_pillow(data))
    chunks = webp_chunks(data)
    frame = chunks[b"ANMF"]
    moved = frame[:8] + b"\5\0\0\3\0\0" + frame[14:]
    wider = chunks[b"VP8X"][:12] + (99).to_bytes(3, "little") + (79).to_bytes(3, "little")
    image = load_image(webp(wider, chunks[b"ANIM"], moved))
    assert image.shape == (80, 100, 3)
    np.testing.assert_array_equal(image[6:54, 10:80], load_image(data))
    image[6:54, 10:80] = 255
    assert image.min() == 255
    with pytest.raises(ImageDecodeError, match="its picture of 48x70 does not fit its canvas of 48x70"):
        load_image(webp(chunks[b"VP8X"], chunks[b"ANIM"], moved))


def test_a_webp_is_its_picture_whatever_else_it_has() -> None:
    data = encode(RGB, "WEBP", exif=SIDEWAYS, icc_profile=bytes(100))
    chunks = webp_chunks(data)
    plain = load_image(webp(chunks[b"VP8 "]))
    unknown = b"abcd" + struct.pack("<I", 5) + bytes(6)
    head = chunks[b"VP8X"]
    for file in (
        webp(head, unknown, chunks[b"ICCP"], chunks[b"VP8 "], unknown, chunks[b"EXIF"]),
        webp(head, b"ICCP" + struct.pack("<I", 2_000_000) + bytes(2_000_000), chunks[b"VP8 "], chunks[b"EXIF"]),
        webp(head, chunks[b"EXIF"], *[unknown] * 1000, chunks[b"VP8 "]) + b"behind",
    ):
        np.testing.assert_array_equal(load_image(file), np.rot90(plain, -1))
        assert header_size(file) == (70, 48)


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_without_all_its_pixels_is_an_error(lossless: bool) -> None:
    data = encode(RGB, "WEBP", lossless=lossless)
    with truncated("WEBP"):
        load_image(data[:-10])
    chunk = data[12:20]
    for less in (10, len(data) // 2):
        body = data[20:-less]
        with pytest.raises(
            ImageDecodeError, match="the WEBP image is corrupt or of an unknown kind: its pixels are dama"
        ):
            load_image(webp(chunk[:4] + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)))


# --- HEIC and AVIF

ROTATED = box(b"irot", b"\1")
APERTURE = box(b"clap", struct.pack(">8I", 30, 1, 20, 1, 0, 1, 0, 1))


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"avif", b"avis"])
def test_heic_and_avif_are_measured_by_their_boxes(brand: bytes) -> None:
    form = "AVIF" if brand.startswith(b"av") else "HEIC"
    header = read_header(heif(brand, Size(48, 70)))
    assert (header.format, header.size, header.work) == (form, Size(48, 70), 48 * 70)
    assert read_header(heif(brand, Size(48, 70), ROTATED)).size == Size(70, 48)
    assert read_header(heif(brand, Size(48, 70), box(b"irot", b"\2"))).size == Size(48, 70)
    if form == "HEIC":
        assert read_header(heif(brand, Size(48, 70), APERTURE, ROTATED)).size == Size(30, 20)
    data = heif(brand, Size(48, 70))
    for length in range(20, data.index(b"mdat") - 4):
        with pytest.raises(ImageDecodeError, match=f"^the {form} image is (truncated|corrupt)"):
            read_header(data[:length])


@pytest.mark.parametrize(
    ("brand", "module", "package"),
    [(b"heic", "pillow_heif", "pillow-heif"), (b"avif", "PIL.AvifImagePlugin", "pillow>=11.3")],
)
def test_what_reads_heic_and_avif_is_named_where_it_is_missing(
    brand: bytes, module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    form = brand.decode().upper()
    with pytest.raises(
        ImageError, match=f"^{form} images need a package that is not installed: pip install '{package}'$"
    ):
        load_image(heif(brand, Size(48, 70)))


def test_a_film_is_not_an_image() -> None:
    for brand in (b"mp42", b"isom", b"qt  ", b"M4V "):
        with pytest.raises(ImageDecodeError, match=r"^not an image: it starts with"):
            load_image(heif(brand, Size(48, 70)).replace(b"mif1", b"mp41"))


def turned_and_plain(form: str) -> tuple[bytes, bytes]:
    sideways = RGB.copy()
    sideways.getexif()[0x0112] = 6
    options = {"exif": sideways.getexif()} if form == "AVIF" else {}
    return encode(sideways, form, quality=90, **options), encode(RGB, form, quality=90)


def test_avif_is_read_by_pillow() -> None:
    pytest.importorskip("PIL._avif", reason="this Pillow was built without AVIF")
    turned, plain = turned_and_plain("AVIF")
    assert np.abs(load_image(plain).astype(int) - SCENE).mean() < 5
    np.testing.assert_array_equal(load_image(turned), np.rot90(load_image(plain), -1))
    assert header_size(turned) == (70, 48)
    films = encode(RGB, "AVIF", save_all=True, append_images=[RGB.rotate(180)], quality=90)
    assert header_size(films) == (48, 70)
    assert np.abs(load_image(films).astype(int) - SCENE).mean() < 5
    with pytest.raises(ImageDecodeError, match="the AVIF image is"):
        load_image(plain[:-20])


def test_heic_is_read_by_its_plugin() -> None:
    plugin = pytest.importorskip("pillow_heif", reason="pillow-heif, which the project does not need, is not installed")
    plugin.register_heif_opener()
    turned, plain = turned_and_plain("HEIF")
    assert np.abs(load_image(plain).astype(int) - SCENE).mean() < 5
    np.testing.assert_array_equal(load_image(turned), np.rot90(load_image(plain), -1))
    assert header_size(turned) == (70, 48)
    with pytest.raises(ImageDecodeError, match="the HEIC image is"):
        load_image(plain[:-20])


# --- memory

MEASURE = """
import resource, sys
from east.images import load_image
small, large = sys.stdin.buffer.read(int(sys.argv[1])), sys.stdin.buffer.read()
load_image(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pixels = load_image(large)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((after - before) * 1024 / (pixels.size / 3))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is counted in KiB on Linux only")
@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("WEBP", {"lossless": True}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
)
def test_memory_is_in_proportion_to_the_pixels(form: str, options: dict[str, Any]) -> None:
    small, large = (encode(Image.new("RGB", (side, side), "navy"), form, **options) for side in (16, 4000))
    command = [sys.executable, "-c", MEASURE, str(len(small))]
    done = subprocess.run(command, input=small + large, capture_output=True, check=True)
    assert float(done.stdout) < 12  # bytes a pixel


def test_compressed_rows_larger_than_rows_are_out_of_proportion() -> None:
    header = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)

    def file(pixels: bytes) -> bytes:
        chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
        packed = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
        return b"\x89PNG\r\n\x1a\n" + b"".join(packed)

    honest, hostile = zlib.compress(bytes(72), 0), zlib.compress(bytes(72), 0) + bytes(70_000)
    assert load_image(file(honest)).shape == (8, 8, 3)
    with pytest.raises(ImageDecodeError, match="far larger than its rows"):
        read_header(file(hostile))
