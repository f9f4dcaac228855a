"""Decoded pixels of any layout made into the one used inside: uint8 RGB, upright."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ImageDecodeError, ImageError, ImageTooLargeError
from ..types import Size

MAX_PIXELS = 64_000_000

_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], Any]] = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def check_size(size: Size, max_pixels: int) -> None:
    """Refuses an image without pixels, or with more than ``max_pixels``."""
    if min(size) < 1:
        raise ImageDecodeError(f"the image has no pixels: its size is {size}")
    if size.height * size.width > max_pixels:
        raise ImageTooLargeError(
            f"the image is too large: {size} is {size.height * size.width:,} pixels, the limit is {max_pixels:,}"
        )


def upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turns stored pixels the way EXIF's ``orientation`` (1 to 8) says they are to be seen."""
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else turn(image)


def from_array(array: NDArray[Any], bgr: bool, max_pixels: int) -> NDArray[np.uint8]:
    """Converts an array, see `load_image`."""
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(f"an image array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got shape {array.shape}")
    if array.dtype != bool and not (array.dtype.kind == "u" and array.dtype.itemsize <= 2):
        raise ImageError(
            f"an image array must be uint8 (0..255), uint16 (0..65535) or bool, got {array.dtype}: scale and convert it"
        )
    check_size(Size(*array.shape[:2]), max_pixels)
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.dtype == bool:
        array = array * np.uint8(255)
    elif array.dtype.itemsize == 2:
        array = _high_byte(array)
    array = np.ascontiguousarray(array)
    if channels == 1:
        return np.asarray(cv2.cvtColor(array, cv2.COLOR_GRAY2RGB), np.uint8)
    if channels == 4:
        return _over_white(Image.fromarray(cv2.cvtColor(array, cv2.COLOR_BGRA2RGBA) if bgr else array))
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if bgr else array, np.uint8)


def from_pillow(image: Image.Image) -> NDArray[np.uint8]:
    """Converts the pixels of a Pillow image, see `load_image`; its EXIF orientation is not looked at."""
    if image.mode in ("I", "F"):
        raise ImageError(
            f"a 32-bit {'integer' if image.mode == 'I' else 'floating-point'} image has no agreed white: "
            "convert it to 8 or 16 bits"
        )
    if image.mode.startswith("I;16"):
        samples = np.asarray(image)
        grey = _high_byte(samples)
        grey[samples == image.info.get("transparency")] = 255
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    if image.has_transparency_data:
        return _over_white(image.convert("RGBA"))
    return np.array(image.convert("RGB"))


def _over_white(rgba: Image.Image) -> NDArray[np.uint8]:
    canvas = Image.new("RGB", rgba.size, "white")
    canvas.paste(rgba, mask=rgba.getchannel("A"))
    return np.array(canvas)


def _high_byte(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Brings 16-bit samples to 8 bits as image decoders do."""
    return (samples >> 8).astype(np.uint8)
