"""Photographs as cameras store them: turned, with a note which way is up."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# EXIF orientation -> what a camera did to the upright picture when it stored it (EXIF 2.32, 4.6.4.A).
STORED_AS = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photograph(upright: NDArray[np.uint8], orientation: int, form: str) -> bytes:
    """A file whose pixels are stored turned, as EXIF's ``orientation`` says."""
    method = STORED_AS[orientation]
    stored = Image.fromarray(upright)
    stored = stored if method is None else stored.transpose(method)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {"quality": 95, "subsampling": 0} if form == "JPEG" else {}
    stored.save(file, form, exif=exif, **options)
    return file.getvalue()
