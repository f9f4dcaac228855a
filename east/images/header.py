"""What an image file says of itself, told without decoding it."""

from __future__ import annotations

import sys
from typing import NamedTuple

from ..options import DEFAULTS
from ..types import Size
from .formats import walk


class ImageHeader(NamedTuple):
    """An image file before it is decoded.

    Attributes:
        format: JPEG, PNG, WEBP, TIFF, BMP, GIF, AVIF or HEIC.
        size: the upright image's, as `load_image` returns it.
        orientation: how the stored image is turned upright, by EXIF's numbers 1 to 8; 1 where its decoder does that.
        work: pixels that a decoder passes over, each as often as it does: once, but for progressive JPEGs, tiles that
            stick out and the like. Time is in proportion to this and to the file's bytes.
    """

    format: str
    size: Size
    orientation: int
    work: float


def read_header(data: bytes, max_pixels: int = DEFAULTS.max_pixels) -> ImageHeader:
    """Walks over a file's structure, in a time bounded by its length, and decodes nothing.

    Args:
        data: the whole file.
        max_pixels: the most pixels accepted.

    Raises:
        ImageDecodeError: the data is empty, no image, cut off in its structure, or that is out of all proportion.
        ImageTooLargeError: the image has more than ``max_pixels``, or a side of more than 65,535.
    """
    structure = walk(data, max_pixels)
    return ImageHeader(structure.format, structure.upright, structure.orientation, structure.work)


def header_size(data: bytes) -> Size:
    """The upright image's size, as `read_header` tells it, however many pixels that is."""
    return read_header(data, sys.maxsize).size
