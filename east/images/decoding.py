"""Any image to upright uint8 RGB: an array is converted, a file is walked, then decoded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ImageDecodeError, ImageError
from ..options import DEFAULTS
from ..types import Size
from .decoders import decode, load, upright
from .formats.exif import orientation
from .formats.structure import check_pixels
from .header import header_size
from .pillow import high_byte, quiet_pillow, rgba_over_ground

__all__ = ["ImageInput", "header_size", "load_image"]

ImageInput: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image


def load_image(source: ImageInput, *, bgr: bool = False, max_pixels: int = DEFAULTS.max_pixels) -> NDArray[np.uint8]:
    """Makes any image into pixels, upright by its EXIF orientation.

    Transparency is laid over white, or over black where nearly all that is solid in the picture is light, so that
    white letters on a transparent ground show (`ground.choose_ground` says when). 16-bit samples keep their high byte,
    CMYK is converted without its colour profile. A BMP whose alpha is zero everywhere is opaque.

    Of a file only what makes pixels is looked at: metadata of whatever size or damage stops nothing, and orientation
    is told by the first Exif block alone, never by XMP, as in browsers. Of several pictures the first is read: the
    first frame of an animation, the first of an MPO; of a TIFF the first page that is not marked as a thumbnail or a
    mask, else such a picture below a page. Pixels that are missing are an error. A JPEG that lacks only its end marker
    is whole; one whose later scans are missing in front of that marker is read as coarse as it is.

    Args:
        source: a path; the bytes of a JPEG, PNG, WebP, TIFF, BMP or GIF file, of an AVIF file where Pillow reads them,
            or of a HEIC file where the package ``pillow-heif`` is installed; a NumPy array ``(H, W)`` or
            ``(H, W, 1 | 3 | 4)`` of bool, uint8 or uint16; or a Pillow image.
        bgr: a colour array holds BGR(A) rather than RGB(A); other sources know their own order.
        max_pixels: the most pixels accepted, told from the header before anything is decoded. No side of an image in a
            file may be longer than 65,535.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous. An array that already is that is returned itself, not a copy.

    Raises:
        ImageDecodeError: the data is empty, truncated, corrupt, out of all proportion or not an image.
        ImageTooLargeError: there are more than ``max_pixels``, or a side is too long.
        ImageError: a file that cannot be read, one that needs a package, or an array that is no image.
        TypeError: ``source`` is of another type.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, bgr, max_pixels)
    if isinstance(source, Image.Image):
        return _from_pillow(source, max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode(bytes(source), max_pixels)
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"an image must be a path, bytes, a NumPy array or a Pillow image, got {type(source).__qualname__}"
        )
    path = os.fspath(source)
    try:
        return decode(Path(path).read_bytes(), max_pixels)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error.__cause__
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"{path}: cannot read the file: {reason}") from error


def _from_pillow(image: Image.Image, max_pixels: int) -> NDArray[np.uint8]:
    _check_size(Size(image.height, image.width), max_pixels)
    with quiet_pillow:
        pixels = load(image, image.format or "Pillow")  # which turns a TIFF upright
    exif = image.info.get("exif")
    return upright(pixels, orientation(exif) if isinstance(exif, bytes) else 1)


def _from_array(array: NDArray[Any], bgr: bool, max_pixels: int) -> NDArray[np.uint8]:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(f"an image array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got shape {array.shape}")
    if array.dtype != bool and not (array.dtype.kind == "u" and array.dtype.itemsize <= 2):
        raise ImageError(
            f"an image array must be uint8 (0..255), uint16 (0..65535) or bool, got {array.dtype}: scale and convert it"
        )
    _check_size(Size(*array.shape[:2]), max_pixels)
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif array.dtype.itemsize == 2:
        array = high_byte(array)
    array = np.ascontiguousarray(array)
    if channels == 1:
        return np.asarray(cv2.cvtColor(array, cv2.COLOR_GRAY2RGB), np.uint8)
    if channels == 4:
        return rgba_over_ground(np.asarray(cv2.cvtColor(array, cv2.COLOR_BGRA2RGBA) if bgr else array, np.uint8))
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if bgr else array, np.uint8)


def _check_size(size: Size, max_pixels: int) -> None:
    if min(size) < 1:
        raise ImageDecodeError(f"the image has no pixels: its size is {size}")
    check_pixels(size, max_pixels)
