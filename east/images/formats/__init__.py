"""The structure of image files, walked before a decoder sees a byte of them.

Each walk is pure Python over bytes that anybody may have made: it allocates nothing by what a file claims, goes over
the file at most once, and stops at limits far above what real files have, each a constant with its reason. What
decoders get is put together anew from the parts that make pixels, so that metadata of whatever kind, size or damage
neither reaches nor stops them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ...errors import ImageDecodeError
from . import bmp, gif, heif, jpeg, png, tiff, webp
from .structure import Structure, truncated

_WALKS: tuple[tuple[re.Pattern[bytes], str, Callable[[bytes, int], Structure]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), jpeg.FORM, jpeg.walk),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), png.FORM, png.walk),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), webp.FORM, webp.walk),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), tiff.FORM, tiff.walk),
    (re.compile(rb"GIF8[79]a"), gif.FORM, gif.walk),
    (re.compile(rb"BM"), bmp.FORM, bmp.walk),
)


def walk(data: bytes, max_pixels: int) -> Structure:
    """Walks over a file by the rules of the format that its first bytes call for.

    Raises:
        ImageDecodeError: the data is empty, no image, cut off in its structure, or breaks its format's rules.
        ImageTooLargeError: the image has more than ``max_pixels``, or too long a side.
    """
    if not data:
        raise ImageDecodeError("the image is empty: 0 bytes")
    form, walk_format = _recognised(data)
    try:
        return walk_format(data, max_pixels)
    except (EOFError, IndexError) as error:
        raise truncated(form) from error


def _recognised(data: bytes) -> tuple[str, Callable[[bytes, int], Structure]]:
    for signature, form, walk_format in _WALKS:
        if signature.match(data):
            return form, walk_format
    brand = heif.brand(data)
    if brand is None:
        raise ImageDecodeError(
            f"not an image: it starts with {data[:8]!r}; JPEG, PNG, WebP, TIFF, BMP and GIF can be read, "
            "AVIF and HEIC where Pillow has them"
        )
    return brand, heif.walk
