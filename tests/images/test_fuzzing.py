"""Damaged files of every kind are an image or an image error, soon, and of one size for the header and the pixels."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from east import ImageError
from east.images import load_image, read_header
from east.types import Size
from tests.support.image_files import bmp, encode, heif, jpeg_segment, png, tiff, tiff_tags, tile_tags

Result = TypeVar("Result")

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
SCENE = np.asarray(cv2.GaussianBlur(NOISE, (5, 5), 2), np.uint8)
RGB = Image.fromarray(SCENE)
RGBA = RGB.copy()
RGBA.putalpha(RGB.convert("L"))
EXIF = Image.Exif()
EXIF[0x0112] = 6
THUMBNAIL = {**tiff_tags(SCENE[::8, ::8]), 254: 1}
FILES = [
    encode(RGB, "JPEG", exif=EXIF),
    encode(RGB, "JPEG", restart_marker_blocks=2)[:-2],
    encode(RGB, "JPEG", progressive=True),
    encode(RGB.convert("L"), "JPEG", progressive=True)[:-2],
    encode(RGB.convert("CMYK"), "JPEG"),
    encode(RGB, "JPEG") + jpeg_segment(0xE2, b"MPF\0") + encode(RGB, "JPEG"),
    encode(RGB, "PNG", exif=EXIF),
    encode(RGB.convert("P"), "PNG", transparency=3),
    png(SCENE, 2, interlaced=True),
    png(SCENE[..., 0].astype(np.uint16), 0),
    encode(RGB, "PNG", save_all=True, append_images=[RGBA]),
    encode(RGB, "WEBP", exif=EXIF),
    encode(RGBA, "WEBP"),
    encode(RGBA, "WEBP", lossless=True),
    encode(RGB, "WEBP", save_all=True, append_images=[RGB.rotate(180)]),
    encode(RGB, "TIFF", exif=EXIF),
    *[encode(RGB, "TIFF", compression=form, tiffinfo={278: 16}) for form in ("tiff_lzw", "jpeg", "packbits", "zstd")],
    encode(RGB.convert("1"), "TIFF", compression="group4"),
    tiff({**THUMBNAIL, 330: [tiff_tags(SCENE)]}, order=">"),
    tiff(THUMBNAIL, tile_tags(SCENE, 16), big=True),
    encode(RGB.convert("P"), "GIF", transparency=4, comment=b"comment"),
    encode(RGB, "GIF", save_all=True, append_images=[RGB.rotate(180)]),
    encode(RGB, "BMP"),
    encode(RGBA, "BMP"),
    bmp(33, 3, 8, 1, (b"\x21\x07\0\0" * 3) + b"\0\1", bytes(range(256)) * 4),
    bmp(8, 3, 4, 2, (b"\x08\x17\0\0" * 3) + b"\0\1", bytes(64)),
    heif(b"heic", Size(40, 60), struct.pack(">I4sB", 9, b"irot", 1)),
    *([encode(RGB, "AVIF", speed=10)] if features.check("avif") else []),
]
PLACES = st.floats(0, 1, exclude_max=True)
DAMAGE = st.one_of(
    st.tuples(st.just("set"), PLACES, st.integers(0, 255)),
    st.tuples(st.just("flip"), PLACES, st.integers(0, 7)),
    st.tuples(st.just("cut"), PLACES, st.integers(1, 200)),
    st.tuples(st.just("repeat"), PLACES, st.integers(1, 200)),
    st.tuples(st.just("number"), PLACES, st.sampled_from([0, 1, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1])),
)


def damaged(data: bytes, damage: list[tuple[str, float, int]]) -> bytes:
    changed = bytearray(data)
    for kind, place, value in damage:
        at = int(place * len(changed))
        if kind == "set":
            changed[at : at + 1] = bytes([value])
        elif kind == "flip":
            changed[at : at + 1] = bytes([byte ^ 1 << value for byte in changed[at : at + 1]])
        elif kind == "cut":
            del changed[at : at + value]
        elif kind == "repeat":
            changed[at:at] = changed[at : at + value]
        else:
            changed[at : at + 4] = value.to_bytes(4, "little" if data[0] in b"IGBR" else "big")
    return bytes(changed)


def attempt(use: Callable[[bytes, int], Result], data: bytes, most: int) -> Result | None:
    """What it gives, or None for an error that it may give. It gives either soon."""
    start = time.perf_counter()
    try:
        return use(data, most)
    except ImageError:
        return None
    finally:
        assert time.perf_counter() - start < 10


@settings(max_examples=500, deadline=None)
@given(st.integers(0, len(FILES) - 1), st.lists(DAMAGE, max_size=6), st.sampled_from([0.01, 0.1, 1.0]))
def test_a_damaged_file_is_an_image_or_an_image_error(
    number: int, damage: list[tuple[str, float, int]], share: float
) -> None:
    nearer = [(kind, place * share, value) for kind, place, value in damage]  # headers matter more than pixels
    data = damaged(FILES[number], nearer)
    header = attempt(read_header, data, 1_000_000)
    image = attempt(lambda file, most: load_image(file, max_pixels=most), data, 1_000_000)
    if image is not None:
        assert header is not None
        assert header.size == image.shape[:2]
        assert header.work >= header.size.height * header.size.width
