"""What a walk over a file's structure finds, and how it refuses a file."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from struct import Struct
from typing import Any, TypeAlias

from ...errors import ImageDecodeError, ImageTooLargeError
from ...types import Size

Part: TypeAlias = bytes | memoryview

MAX_SIDE = 65_535
"""Longest side of an image in a file: JPEG's and GIF's own limit. Decoders pay for each row, however short it is."""


@dataclass(frozen=True)
class Structure:
    """An image file, measured and taken apart; nothing is decoded yet.

    Attributes:
        format: the file format's name, as Pillow has it.
        stored: the image's size as its pixels are stored.
        orientation: how to turn it upright, by EXIF's numbers 1 to 8.
        work: the pixels that a decoder passes over, each as often as it does.
        parts: what the decoder needs of the file: joined, they are a file again, without the rest.
    """

    format: str
    _: KW_ONLY
    stored: Size
    orientation: int = 1
    work: float
    parts: tuple[Part, ...]

    @property
    def upright(self) -> Size:
        """The image's size after it is turned."""
        return Size(self.stored.width, self.stored.height) if self.orientation >= 5 else self.stored

    def file(self) -> bytes:
        """The parts as a file."""
        return b"".join(self.parts)


def unpack(layout: Struct, data: Part, offset: int) -> tuple[Any, ...]:
    """Reads the numbers at an offset. Raises ``EOFError`` where the data ends before."""
    if offset + layout.size > len(data):
        raise EOFError
    return layout.unpack_from(data, offset)


def check_size(form: str, size: Size, max_pixels: int) -> None:
    """Raises an `ImageError` for a size that no image has, or that is not accepted."""
    if min(size) < 1:
        raise ImageDecodeError(f"the {form} image has no pixels: its header says no size, or one of zero")
    if max(size) > MAX_SIDE:
        raise ImageTooLargeError(f"the image is too large: {size} has a side of more than {MAX_SIDE:,} pixels")
    check_pixels(size, max_pixels)


def check_pixels(size: Size, max_pixels: int) -> None:
    """Raises `ImageTooLargeError` for more than ``max_pixels``."""
    if size.height * size.width > max_pixels:
        raise ImageTooLargeError(
            f"the image is too large: {size} is {size.height * size.width:,} pixels, the limit is {max_pixels:,} "
            "(max_pixels)"
        )


def truncated(form: str) -> ImageDecodeError:
    """The error for a file whose end is missing."""
    return ImageDecodeError(f"the {form} image is truncated: its data ends too early")


def corrupt(form: str, reason: object) -> ImageDecodeError:
    """The error for a file that breaks its format's rules, or uses what cannot be read."""
    return ImageDecodeError(f"the {form} image is corrupt or of an unknown kind: {reason}")
