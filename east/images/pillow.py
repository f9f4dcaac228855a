"""Pillow's images as RGB, a few rows at a time, so that no whole copy lies beside the image and its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock
from warnings import catch_warnings, filterwarnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import ImageError
from .ground import choose_ground

_STRIP_PIXELS = 1 << 18
_SAMPLE_PIXELS = 1 << 18


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


quiet_pillow = _QuietPillow()


def rgb(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels of a loaded image as RGB ``(H, W, 3)``, the way they are stored; transparency over `choose_ground`'s.

    Raises:
        ImageError: its samples have 32 bits.
    """
    if image.mode in ("I", "F"):
        raise ImageError(
            f"a 32-bit {'integer' if image.mode == 'I' else 'floating-point'} image has no agreed white: "
            "convert it to 8 or 16 bits"
        )
    if image.mode.startswith("I;16"):
        return _grey_16(np.asarray(image), image.info.get("transparency"))
    if image.has_transparency_data and not _has_unused_alpha(image):
        return _over_ground(image)
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows, strip in _strips(image):
        pixels[rows] = np.asarray(strip if strip.mode == "RGB" else strip.convert("RGB"))
    return pixels


def high_byte(samples: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Brings 16-bit samples to 8 bits as image decoders do."""
    return (samples >> 8).astype(np.uint8)


def rgba_over_ground(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lays uint8 RGBA ``(H, W, 4)`` over the ground that shows it."""
    return _over_ground(Image.fromarray(rgba))


def _over_ground(image: Image.Image) -> NDArray[np.uint8]:
    step = max(1, round((image.width * image.height / _SAMPLE_PIXELS) ** 0.5))
    size = max(1, image.width // step), max(1, image.height // step)
    sample = image.resize(size, Image.Resampling.NEAREST) if step > 1 else image
    ground = choose_ground(np.asarray(sample.convert("RGBA")))
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for rows, strip in _strips(image):
        rgba = strip.convert("RGBA")
        canvas = Image.new("RGB", rgba.size, (ground, ground, ground))
        canvas.paste(rgba, mask=rgba.getchannel("A"))
        pixels[rows] = np.asarray(canvas)
    return pixels


def _has_unused_alpha(image: Image.Image) -> bool:
    """Whether a BMP's fourth byte is only filling: programs leave it zero for all pixels."""
    return image.format == "BMP" and image.mode == "RGBA" and image.getchannel("A").getextrema() == (0, 0)


def _grey_16(samples: NDArray[np.uint16], transparent: int | None) -> NDArray[np.uint8]:
    grey = high_byte(samples)
    if transparent is None:
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)
    opacity = np.where(samples == transparent, np.uint8(0), np.uint8(255))
    return rgba_over_ground(np.dstack([grey, grey, grey, opacity]))


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """An image a few rows at a time."""
    height = max(1, _STRIP_PIXELS // image.width)
    for top in range(0, image.height, height):
        bottom = min(top + height, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))
