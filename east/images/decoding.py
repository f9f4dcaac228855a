"""Any image to upright uint8 RGB: an array is converted, a file is opened, measured by its header, then decoded."""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias
from warnings import catch_warnings, filterwarnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..errors import ImageDecodeError, ImageError, ImageTooLargeError
from ..options import DEFAULTS
from ..types import Size

ImageInput: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image

# Only formats whose readers are plain decoders: Pillow's others include ones that start programs.
# Named directly rather than through Image.open, whose own pixel limit cannot be set for one call.
_READERS: dict[str, type[ImageFile]] = {
    r"\xff\xd8\xff": JpegImageFile,
    r"\x89PNG\r\n\x1a\n": PngImageFile,
    r"RIFF.{4}WEBP": WebPImageFile,
    r"II[*+]\0|MM\0[*+]": TiffImageFile,
    r"GIF8[79]a": GifImageFile,
    r"BM": BmpImageFile,
}

_UPRIGHT: dict[int, Callable[[NDArray[np.uint8]], Any]] = {  # by EXIF orientation
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def load_image(source: ImageInput, *, bgr: bool = False, max_pixels: int = DEFAULTS.max_pixels) -> NDArray[np.uint8]:
    """Makes any image into pixels, upright by its EXIF orientation.

    Transparency is laid over white, 16-bit samples keep their high byte, CMYK is converted without its colour profile.

    Args:
        source: a path; the bytes of a JPEG, PNG, WebP, TIFF, BMP or GIF file (its first frame); a NumPy array
            ``(H, W)`` or ``(H, W, 1 | 3 | 4)`` of bool, uint8 or uint16; or a Pillow image.
        bgr: a colour array holds BGR(A) rather than RGB(A); other sources know their own order.
        max_pixels: the most pixels accepted, told from the header before anything is decoded.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous. An array that already is that is returned itself, not a copy.

    Raises:
        ImageDecodeError: the data is empty, truncated, corrupt or not an image.
        ImageTooLargeError: there are more than ``max_pixels``.
        ImageError: a file that cannot be read, or an array that is no image.
        TypeError: ``source`` is of another type.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, bgr, max_pixels)
    if isinstance(source, Image.Image):
        with _quiet_pillow:
            return _decode(source, b"", max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_file(bytes(source), max_pixels)
    if not isinstance(source, (str, os.PathLike)):
        raise TypeError(
            f"an image must be a path, bytes, a NumPy array or a Pillow image, got {type(source).__qualname__}"
        )
    path = os.fspath(source)
    try:
        return _from_file(Path(path).read_bytes(), max_pixels)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error.__cause__
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"{path}: cannot read the file: {reason}") from error


def header_size(data: bytes) -> Size:
    """Tells the size of the upright image in a file's bytes from its header: nothing is decoded.

    Raises:
        ImageDecodeError: the data is empty, not an image, or cut off within the header.
        ImageTooLargeError: the format's reader refuses the size that the header claims.
    """
    with _quiet_pillow:
        image = _open(data)
        if isinstance(image, PngImageFile) and "exif" not in image.info:
            image.info["exif"] = _png_exif(data)  # Pillow would decode the image to look for it behind the pixels
        # Pillow turns a TIFF by itself, and has its size upright from the start.
        turned = not isinstance(image, TiffImageFile) and _orientation(image) in range(5, 9)
    return Size(image.width, image.height) if turned else Size(image.height, image.width)


def _from_file(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    with _quiet_pillow:
        return _decode(_open(data), data, max_pixels)


def _open(data: bytes) -> ImageFile:
    """Reads the header, by the reader that the first bytes call for."""
    if not data:
        raise ImageDecodeError("the image is empty: 0 bytes")
    for signature, reader in _READERS.items():
        if re.match(signature.encode("latin-1"), data, re.DOTALL):
            try:
                return reader(io.BytesIO(data))
            except Exception as error:  # decoders fail in many ways on hostile bytes
                raise _damaged(reader.format, data, error) from error
    raise ImageDecodeError(f"not an image: it starts with {data[:8]!r}; JPEG, PNG, WebP, TIFF, BMP and GIF can be read")


def _decode(image: Image.Image, data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    """Decodes an opened image; ``data`` is the whole file, where there is one."""
    _check_size(Size(image.height, image.width), max_pixels)
    pixels = _decode_jpeg(data) if data and image.format == "JPEG" and image.mode in ("L", "RGB") else None
    if pixels is None:
        try:
            image.load()
            pixels = _from_pillow(image)
        except ImageError:
            raise
        except Exception as error:  # decoders fail in many ways on hostile bytes
            raise _damaged(image.format, data, error) from error
    turn = _UPRIGHT.get(_orientation(image))
    return pixels if turn is None else turn(pixels)


def _decode_jpeg(data: bytes) -> NDArray[np.uint8] | None:
    """Decodes a grey or RGB JPEG in half of Pillow's time, to the same pixels; None where it is damaged."""
    try:
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)  # type: ignore[return-value]
    except cv2.error:
        return None


def _from_pillow(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of a decoded Pillow image as RGB, the way they are stored."""
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
        array = _high_byte(array)
    array = np.ascontiguousarray(array)
    if channels == 1:
        return np.asarray(cv2.cvtColor(array, cv2.COLOR_GRAY2RGB), np.uint8)
    if channels == 4:
        return _over_white(Image.fromarray(cv2.cvtColor(array, cv2.COLOR_BGRA2RGBA) if bgr else array))
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if bgr else array, np.uint8)


def _over_white(rgba: Image.Image) -> NDArray[np.uint8]:
    canvas = Image.new("RGB", rgba.size, "white")
    canvas.paste(rgba, mask=rgba.getchannel("A"))
    return np.array(canvas)


def _high_byte(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Brings 16-bit samples to 8 bits as image decoders do."""
    return (samples >> 8).astype(np.uint8)


def _check_size(size: Size, max_pixels: int) -> None:
    if min(size) < 1:
        raise ImageDecodeError(f"the image has no pixels: its size is {size}")
    if size.height * size.width > max_pixels:
        raise ImageTooLargeError(
            f"the image is too large: {size} is {size.height * size.width:,} pixels, the limit is {max_pixels:,}"
        )


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it cannot be made out."""
    try:
        value: object = image.getexif().get(0x0112)
    except Exception:  # a corrupt EXIF block fails in many ways, and none makes the pixels unusable
        return 1
    return value if isinstance(value, int) else 1


def _png_exif(data: bytes) -> bytes | None:
    """The EXIF block of a PNG, which may lie behind the pixels."""
    start = 8
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        if kind == b"eXIf":
            return data[start + 8 : start + 8 + length]
        start += 12 + length
    return None


def _damaged(form: str | None, data: bytes, error: Exception) -> ImageError:
    """The error for an image whose reader failed with ``error``."""
    if isinstance(error, Image.DecompressionBombError):
        return ImageTooLargeError(f"the image is too large: {error}")
    # Pillow wraps reads past the end of a header in SyntaxError.
    ran_out = isinstance(error.__cause__ or error, (EOFError, IndexError, struct.error))
    if ran_out or "truncat" in str(error).lower() or _announced_length(data) > len(data):
        return ImageDecodeError(f"the {form or 'Pillow'} image is truncated: its data ends too early")
    if str(error) == "not identified by this driver":
        return ImageDecodeError(f"the {form} image has no pixels: its header says no size, or one of zero")
    return ImageDecodeError(f"the {form or 'Pillow'} image is corrupt or of an unknown kind: {error}")


def _announced_length(data: bytes) -> int:
    """Bytes that a WebP or TIFF file must at least have by its first eight; 0 for other formats."""
    if data.startswith(b"RIFF"):
        return 8 + int.from_bytes(data[4:8], "little")
    if data.startswith((b"II*\0", b"MM\0*")):
        return 2 + int.from_bytes(data[4:8], "little" if data.startswith(b"II") else "big")
    return 0


class _QuietPillow:
    """Silences Pillow's own warnings, about damaged metadata mostly; errors tell what matters.

    Python keeps one list of filters for all threads: the first thread in sets the filter, the last one out takes
    it away, so that none loses it in between.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._filters = catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters = catch_warnings()
                self._filters.__enter__()
                filterwarnings("ignore", module=r"PIL\.")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.__exit__(None, None, None)


_quiet_pillow = _QuietPillow()
