"""Pixels of image files whose structure has been walked, by whichever library is the best for a format."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, cast

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ..errors import ImageError, ImageTooLargeError
from .formats import exif, jpeg, png, walk
from .formats.bmp import BmpStructure
from .formats.jpeg import JpegStructure
from .formats.png import PngStructure
from .formats.structure import Structure, corrupt, truncated
from .formats.webp import WebpStructure
from .pillow import quiet_pillow, rgb, rgba_over_ground

Pixels = NDArray[np.uint8]
Reader = Callable[[io.BytesIO], ImageFile]

_UPRIGHT: dict[int, Callable[[Pixels], Any]] = {  # by EXIF orientation
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
}

# Data for a decoder that goes on where a file ends. The second differs in each bit from the first, and neither has
# a byte that means something else in a JPEG.
_FILLING = bytes(random.Random(0).choices(range(1, 255), k=1024))
_OTHER_FILLING = bytes(255 - byte for byte in _FILLING)

_MISSING = {1: 128, 3: 128, 4: 64}  # what samples that are not there become in RGB, by a JPEG's components


def decode(data: bytes, max_pixels: int) -> Pixels:
    """Decodes an image file to upright RGB ``(H, W, 3)``.

    Raises:
        ImageError: as `formats.walk`, or its pixels are damaged or missing, or what reads them is not installed.
    """
    structure = walk(data, max_pixels)
    with quiet_pillow:
        pixels = _decode(structure, data)
    if pixels.shape[:2] != structure.stored:
        raise corrupt(structure.format, "its header and its pixels differ in size")
    return upright(pixels, structure.orientation)


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turns an image as EXIF's orientation says."""
    turn = _UPRIGHT.get(orientation)
    return pixels if turn is None else turn(pixels)


def load(image: Image.Image, form: str) -> Pixels:
    """Decodes an image that Pillow has opened, to RGB the way it is stored. Raises `ImageError`."""
    try:
        image.load()
        return rgb(image)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # decoders fail in many ways on hostile bytes
        raise _damaged(form, error) from error


def _decode(structure: Structure, data: bytes) -> Pixels:
    match structure:
        case JpegStructure():
            pixels = _jpeg(structure, data)
        case PngStructure():
            pixels = _png(structure)
        case WebpStructure():
            pixels = _webp(structure)
        case BmpStructure():
            pixels = _bmp(structure, data)
        case Structure(format="GIF" | "TIFF"):
            reader = GifImageFile if structure.format == "GIF" else TiffImageFile
            pixels = _by_pillow(reader, structure.file(), structure.format)
        case _:
            pixels = _heif(structure.format, data)
    return pixels


def _jpeg(structure: JpegStructure, data: bytes) -> Pixels:
    """Decodes a JPEG, and finds out whether it is whole where that is in doubt.

    It is where the end marker is missing, or where the image ends in the grey that decoders put for data that is not
    there. A whole one gives the same pixels whatever follows.
    """
    pixels = None
    if structure.ended:
        file = structure.file() + jpeg.EOI
        if structure.components != 4 and not structure.lossless:
            pixels = _flawless(file)  # half of OpenCV's time and of Pillow's, and the same pixels
            if pixels is None:
                pixels = _opencv(file, cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            pixels = _by_pillow(JpegImageFile, file, structure.format)
        if structure.arithmetic or (pixels[-4:, -4:] != _MISSING[structure.components]).any():
            return pixels
    if not jpeg.has_all_restarts(data, structure.last):
        raise truncated(structure.format)
    file = structure.file().rstrip(b"\xff")  # half a marker, or filling in front of one
    digests = set()
    for filling in (_FILLING, _OTHER_FILLING):
        pixels = _by_pillow(JpegImageFile, file + filling + jpeg.EOI, structure.format)
        digests.add(blake2b(pixels.data).digest())
    if len(digests) > 1:
        raise truncated(structure.format)
    return cast(Pixels, pixels)


def _png(structure: PngStructure) -> Pixels:
    image = _open(PngImageFile, structure.file(), structure.format)
    pixels = load(image, structure.format)
    last_row = image.crop((0, image.height - 1, image.width, image.height))
    blank = not any(last_row.tobytes())  # as rows are that never came
    if (blank or structure.interlaced) and not png.has_all_rows(structure):
        raise truncated(structure.format)
    return pixels


def _webp(structure: WebpStructure) -> Pixels:
    """Decodes a WebP as a still: Pillow goes by way of an animation's canvases, three of them."""
    pixels = _opencv(structure.file(), cv2.IMREAD_UNCHANGED if structure.alpha else cv2.IMREAD_COLOR_RGB)
    if pixels is None or pixels.shape != (*structure.frame, 4 if structure.alpha else 3):
        raise corrupt(structure.format, "its pixels are damaged")
    if structure.alpha:
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA, pixels)
    if structure.frame != structure.stored:
        canvas = np.zeros((*structure.stored, 4), np.uint8)
        (top, left), (height, width) = structure.corner, structure.frame
        canvas[top : top + height, left : left + width, 3] = 255
        canvas[top : top + height, left : left + width, : pixels.shape[2]] = pixels
        return rgba_over_ground(canvas)
    return rgba_over_ground(pixels) if structure.alpha else pixels


def _bmp(structure: BmpStructure, data: bytes) -> Pixels:
    if not structure.run_length:
        return _by_pillow(BmpImageFile, data, structure.format)
    pixels = _opencv(data, cv2.IMREAD_COLOR_RGB)  # Pillow's reader of these is Python, byte by byte
    if pixels is None:
        raise truncated(structure.format)
    return pixels


def _heif(form: str, data: bytes) -> Pixels:
    """Decodes a HEIC or AVIF by what is installed for it."""
    reader: Reader
    try:
        if form == "AVIF":
            from PIL.AvifImagePlugin import SUPPORTED, AvifImageFile

            if not SUPPORTED:
                raise ImportError
            reader = AvifImageFile
        else:
            from pillow_heif import HeifImageFile

            reader = HeifImageFile
    except ImportError as error:
        package = "pillow>=11.3" if form == "AVIF" else "pillow-heif"
        raise ImageError(f"{form} images need a package that is not installed: pip install '{package}'") from error
    image = _open(reader, data, form)
    return upright(load(image, form), exif.orientation(image.info.get("exif") or b""))


def _flawless(file: bytes) -> Pixels | None:
    """Decodes a JPEG of which the decoder has nothing to say; None where it warns, or fails."""
    try:
        return cast(Pixels, simplejpeg.decode_jpeg(file, "RGB"))
    except ValueError:
        return None


def _opencv(file: bytes, flags: int) -> Pixels | None:
    """Decodes a file; None where it is damaged."""
    try:
        decoded = cv2.imdecode(np.frombuffer(file, np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        if error.code == cv2.Error.StsNoMem:
            raise MemoryError(str(error)) from error
        return None
    return cast("Pixels | None", decoded)


def _by_pillow(reader: Reader, file: bytes, form: str) -> Pixels:
    return load(_open(reader, file, form), form)


def _open(reader: Reader, file: bytes, form: str) -> ImageFile:
    try:
        return reader(io.BytesIO(file))
    except MemoryError:
        raise
    except Exception as error:  # decoders fail in many ways on hostile bytes
        raise _damaged(form, error) from error


def _damaged(form: str, error: Exception) -> ImageError:
    """The error for an image whose reader failed with ``error``."""
    if isinstance(error, Image.DecompressionBombError):
        return ImageTooLargeError(f"the image is too large: {error}")
    ran_out = isinstance(error.__cause__ or error, (EOFError, IndexError, struct.error))
    if ran_out or "truncat" in str(error).lower():
        return truncated(form)
    return corrupt(form, " ".join(str(error).split()))
