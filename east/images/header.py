"""What an image says of itself before it is decoded."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import ImageTooLargeError
from ..options import DEFAULTS
from ..types import Size
from .decoding import header_size


class ImageHeader(NamedTuple):
    """An image's own account.

    Attributes:
        size: of the upright image.
        work: pixels that a decoder passes over.
    """

    size: Size
    work: float


def read_header(data: bytes, max_pixels: int = DEFAULTS.max_pixels) -> ImageHeader:
    """Reads a file's header. Raises `ImageDecodeError` or `ImageTooLargeError`."""
    size = header_size(data)
    if size.height * size.width > max_pixels:
        raise ImageTooLargeError(f"the image has {size.width}x{size.height} pixels; at most {max_pixels} are taken")
    return ImageHeader(size, float(size.height * size.width))
