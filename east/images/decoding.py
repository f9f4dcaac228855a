"""Any image to upright uint8 RGB: an array is converted, a file is walked, then decoded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ImageDecodeError, ImageError, ImageTooLargeError, MissingPackageError
from ..files import is_uri
from ..option_fields import check_switches
from ..options import DEFAULTS
from ..types import Size
from .decoders import decode, load, upright
from .formats.exif import orientation
from .formats.structure import check_pixels
from .header import header_size
from .listing import images_matching, is_pattern, whole_of, why_missing
from .pdf import SIGNATURE as PDF
from .pdf import SUFFIX, PdfPage, pdf_pages
from .pillow import high_byte, quiet_pillow, rgba_over_ground

__all__ = ["ImageInput", "header_size", "load_image"]

_BLOCK = 1 << 20  # bytes that are read at once
_BESIDE = 64 << 20  # bytes of a file that make no pixels

ImageInput: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image | IO[bytes] | PdfPage


class ManyPagesError(ImageError):
    """A PDF of several pages where one image is expected; the message is for Python, a command has its own."""


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
        source: a path; a file opened in binary mode, which is read from where it stands; the bytes of a JPEG, PNG,
            WebP, TIFF, BMP or GIF file, of an AVIF file where Pillow reads them, of a HEIC file where the package
            ``pillow-heif`` is installed, or of a PDF of one page with the extra ``pdf``; a page of `pdf_pages`; a
            NumPy array ``(H, W)`` or ``(H, W, 1 | 3 | 4)`` of bool, uint8 or uint16; or a Pillow image.
        bgr: a colour array holds BGR(A) rather than RGB(A); other sources know their own order.
        max_pixels: the most pixels accepted, told from the header before anything is decoded. No side of an image in a
            file may be longer than 65,535, and no file than `most_bytes`, whatever it is read from.

    Returns:
        uint8 RGB ``(H, W, 3)``, contiguous. An array that already is that is returned itself, not a copy.

    Raises:
        ImageDecodeError: the data is empty, truncated, corrupt, out of all proportion or not an image.
        ImageTooLargeError: there are more than ``max_pixels``, a side is too long, or the file is.
        ImageError: a file that cannot be read, one that needs a package, or an array that is no image.
        TypeError: ``source`` is of another type.
        ValueError: ``bgr`` is neither true nor false.
    """
    check_switches(bgr=bgr)
    if isinstance(source, np.ndarray):
        return _from_array(source, bgr, max_pixels)
    if isinstance(source, Image.Image):
        return _from_pillow(source, max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_bytes(bytes(source), max_pixels)
    if isinstance(source, PdfPage):
        return source.pixels(max_pixels)
    if not isinstance(source, (str, os.PathLike)):
        return _from_bytes(_content(source, most_bytes(max_pixels)), max_pixels)
    path = os.fspath(source)
    _refuse_names(path)
    try:
        return _from_bytes(_content_at(Path(path), most_bytes(max_pixels)), max_pixels)
    except ImageError as error:
        raise type(error)(f"{path}: {error}") from error.__cause__
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"{path}: cannot read the file: {reason}") from error


def most_bytes(max_pixels: int) -> int:
    """The most bytes of a file: more than 16-bit RGBA of so many pixels takes, or of the default where that is more."""
    return 8 * max(max_pixels, DEFAULTS.max_pixels) + _BESIDE


def read_at_most(file: IO[bytes], most: int, *, at_once: int = _BLOCK) -> bytes:
    """What is left in an open file, or where that is more than ``most`` bytes, one more than these.

    So a device or a pipe without an end fills no memory, and `load_image` refuses what it gave. ``at_once`` is how many
    bytes the file is asked for.
    """
    blocks, left = [], most + 1
    while left > 0 and (block := file.read(min(left, at_once))):
        if not isinstance(block, (bytes, bytearray, memoryview)):
            raise TypeError(f"an open file must be binary, and this one gives {type(block).__name__}: open(path, 'rb')")
        blocks.append(bytes(block))
        left -= len(block)
    return b"".join(blocks)


def read_whole(file: IO[bytes], most: int) -> bytes:
    """What is in a file that has just been opened, in one request where its size is known.

    Raises:
        ImageTooLargeError: it has more than ``most`` bytes; nothing is read of one that tells so.
        OSError: it cannot be read.
    """
    try:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
    except (OSError, ValueError):  # a stream, as some web servers have nothing else
        size = None
    if size is not None:
        _check_bytes(size, most)
    data = read_at_most(file, most, at_once=max((size or 0) + 1, _BLOCK))  # a device says 0
    _check_bytes(len(data), most)
    return data


def source_of(image: ImageInput) -> str:
    """The file that an image comes from, by its path or the name of the open file; empty where there is none."""
    if isinstance(image, PdfPage):
        return image.source
    name = image if isinstance(image, (str, os.PathLike)) else getattr(image, "name", None)
    return os.fsdecode(name) if isinstance(name, (str, os.PathLike)) else ""


def _from_bytes(data: bytes, max_pixels: int) -> NDArray[np.uint8]:
    _check_bytes(len(data), most_bytes(max_pixels))
    if not data.startswith(PDF):
        return decode(data, max_pixels)
    try:
        pages = pdf_pages(data)
    except MissingPackageError as error:
        raise ImageError(str(error)) from error
    if len(pages) != 1:
        raise ManyPagesError(
            f"a PDF of {len(pages)} pages is no single image: stream takes its path, or its pdf_pages, 'east read' too"
        )
    return pages[0].pixels(max_pixels)


def _check_bytes(count: int, most: int) -> None:
    if count > most:
        raise ImageTooLargeError(f"the image file is too large: it has more than {most:,} bytes")


def _content_at(path: Path, most: int) -> bytes:
    """What is in the file at a path; of a device or a pipe what `read_at_most` gives."""
    if path.is_file():
        _check_bytes(path.stat().st_size, most)
        return path.read_bytes()
    with path.open("rb") as file:
        return read_at_most(file, most)


def _content(file: IO[bytes], most: int) -> bytes:
    """What is in an open file. Raises ``TypeError`` for what is none."""
    if not callable(getattr(file, "read", None)):
        hint = ": numpy.asarray makes an array of it" if hasattr(file, "__array__") else ""
        raise TypeError(
            "an image must be a path, bytes, an open binary file, a NumPy array or a Pillow image, "
            f"got {type(file).__qualname__}{hint}"
        )
    try:
        data = read_at_most(file, most)
    except (OSError, ValueError) as error:
        raise ImageError(f"cannot read the open file: {error}") from error
    if not data:
        raise ImageDecodeError("the open file has nothing left to read: file.seek(0) goes back to its beginning")
    return data


def _refuse_names(path: str) -> None:
    """Raises `ImageError` for what is not the name of a file but of something else."""
    if not path:
        raise ImageError("the path is empty: name an image file")
    if is_uri(path):
        raise ImageError(f"{path}: a URL is not fetched: pass the bytes, urllib.request.urlopen(url).read()")
    if Path(path).is_dir():
        raise ImageError(f"{path}: a folder is no image: stream or detect_batch takes the images in it")
    if (whole := whole_of(path)) and not Path(path).exists():
        hint = f"no such file: pdf_pages({whole!r}) gives the pages of a PDF"
        raise ImageError(f"{path}: {hint if whole.lower().endswith(SUFFIX) else why_missing(path)}")
    if is_pattern(path) and images_matching(path):
        raise ImageError(f"{path}: a pattern is no image: stream or detect_batch takes the images that match it")


def _from_pillow(image: Image.Image, max_pixels: int) -> NDArray[np.uint8]:
    _check_size(Size(image.height, image.width), max_pixels)
    with quiet_pillow:
        pixels = load(image, image.format or "Pillow")  # which turns a TIFF upright
    exif = image.info.get("exif")
    return upright(pixels, orientation(exif) if isinstance(exif, bytes) else 1)


def _from_array(array: NDArray[Any], bgr: bool, max_pixels: int) -> NDArray[np.uint8]:
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise ImageError(
            f"an image array must be (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got shape {array.shape}"
            + _shape_hint(array.shape)
        )
    if array.dtype != bool and not (array.dtype.kind == "u" and array.dtype.itemsize <= 2):
        raise ImageError(
            f"an image array must be uint8 (0..255), uint16 (0..65535) or bool, got {array.dtype}: {_scaling(array)}"
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


def _shape_hint(shape: tuple[int, ...]) -> str:
    """What to do about an array whose shape is another's."""
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return ": its channels come first; array.transpose(1, 2, 0) puts them last"
    if len(shape) == 4:
        return ": several images; detect_batch or stream takes (N, H, W, C)"
    return ""


def _scaling(array: NDArray[Any]) -> str:
    """How to make uint8 of an array of other numbers, by the range they are in."""
    if array.dtype.kind not in "fi" or not array.size:
        return "scale and convert it"
    least, most = array.min(), array.max()
    if not (np.isfinite(least) and np.isfinite(most)):
        return "it has numbers that are not finite; replace them, scale to 0..255 and convert it"
    if least >= 0 and most <= 255:
        scaled = "array" if most > 1 or array.dtype.kind == "i" else "(255 * array)"
        return f"of values {least:g}..{most:g}, {scaled}.round().astype('uint8') is one"
    return f"its values, {least:g}..{most:g}, are in no range of images; scale them to 0..255 and convert them"


def _check_size(size: Size, max_pixels: int) -> None:
    if min(size) < 1:
        raise ImageDecodeError(f"the image has no pixels: its size is {size}")
    check_pixels(size, max_pixels)
