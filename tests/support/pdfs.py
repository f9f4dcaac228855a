"""PDFs as scanners make them, written by another library than the one that reads them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def scanned(pages: Sequence[NDArray[np.uint8]], dpi: float = 72) -> bytes:
    """Each picture a page of its own; at 72 dpi a pixel is one of the PDF's units."""
    file = io.BytesIO()
    first, *others = [Image.fromarray(page) for page in pages]
    first.save(file, "PDF", save_all=True, append_images=others, resolution=dpi, quality=95)
    return file.getvalue()


def locked(document: bytes) -> bytes:
    """The same PDF behind a password."""
    import pikepdf

    file = io.BytesIO()
    with pikepdf.open(io.BytesIO(document)) as pdf:
        pdf.save(file, encryption=pikepdf.Encryption(owner="owner", user="user"))
    return file.getvalue()


def without_pages() -> bytes:
    """A sound PDF of no pages."""
    import pikepdf

    file = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.save(file)
    return file.getvalue()
