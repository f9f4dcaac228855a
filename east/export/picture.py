"""Pictures as files, with the mark by which this program knows its own."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..images.signature import signed

LONGEST_JPEG = 65_500  # pixels, by OpenCV


def encoded(image: NDArray[np.uint8], suffix: str) -> bytes:
    """Uint8 RGB ``(H, W, 3)`` as the bytes of a ``.png`` or ``.jpg`` file.

    Raises ``ValueError`` for an image that the format cannot hold.
    """
    if suffix == ".jpg" and max(image.shape[:2]) > LONGEST_JPEG:
        raise ValueError(f"a JPEG has at most {LONGEST_JPEG} pixels a side, the image {max(image.shape[:2])}: use .png")
    parameters = [cv2.IMWRITE_JPEG_QUALITY, 92] if suffix == ".jpg" else []
    done, data = cv2.imencode(suffix, image[..., ::-1], parameters)
    if not done:
        raise ValueError(f"OpenCV cannot encode an image of shape {image.shape} as {suffix}")
    return signed(data.tobytes())
