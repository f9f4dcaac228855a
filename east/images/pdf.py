"""Pages of PDFs as images, rendered by PDFium where that is installed."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ImageDecodeError, ImageError
from ..extras import needed
from ..options import PDF_DPI, check_dpi
from ..types import Size
from .formats.structure import check_pixels

SUFFIX = ".pdf"
SIGNATURE = b"%PDF-"

_INCH = 72.0  # a PDF's units
_pdfium = Lock()  # which knows no threads


@dataclass(frozen=True, eq=False)
class PdfPage:
    """One page of a PDF, rendered when it is looked at.

    Attributes:
        document: path or bytes of the PDF.
        number: of the page, from 1 on.
        dpi: pixels per inch that it is rendered at.
    """

    document: str | bytes
    number: int
    dpi: float = PDF_DPI

    @property
    def source(self) -> str:
        """What results and errors call it: ``scan.pdf#page=3``."""
        return f"{self.document if isinstance(self.document, str) else ''}#page={self.number}"

    @property
    def name(self) -> str:
        """What files about it are called: ``scan-p0003``."""
        return f"{Path(self.document).stem if isinstance(self.document, str) else 'pdf'}-p{self.number:04}"

    def pixels(self, max_pixels: int) -> NDArray[np.uint8]:
        """Renders it on white, uint8 RGB ``(H, W, 3)``.

        Raises:
            ImageTooLargeError: it would have more than ``max_pixels`` at this ``dpi``.
            ImageError: it cannot be rendered.
        """
        scale = self.dpi / _INCH * (1 - 1e-6)  # or sizes that are whole pixels may come out one larger
        with _opened(self.document, self.source) as pdf, _closing(_page(pdf, self.number)) as page:
            width, height = (max(1, ceil(side * scale)) for side in page.get_size())
            check_pixels(Size(height, width), max_pixels)
            with _closing(page.render(scale=scale, rev_byteorder=True)) as bitmap:
                return np.ascontiguousarray(bitmap.to_numpy()[..., :3])


def pdf_pages(document: str | os.PathLike[str] | bytes, *, dpi: float = PDF_DPI) -> list[PdfPage]:
    """The pages of a PDF, which `TextDetector` takes as images.

    Args:
        document: its path or its bytes.
        dpi: pixels per inch to render them at: 200 reads print of usual size; 300 small print, at twice the cost.

    Raises:
        MissingPackageError: without the extra ``pdf``.
        ImageError: a file that cannot be read or is damaged, or needs a password.
        ValueError: a ``dpi`` out of range.
    """
    check_dpi(dpi)
    check_library()
    named = bytes(document) if isinstance(document, (bytes, bytearray, memoryview)) else os.fspath(document)
    with _opened(named) as pdf:
        return [PdfPage(named, number, dpi) for number in range(1, len(pdf) + 1)]


def check_library() -> None:
    """Raises `MissingPackageError` where there is nothing that reads PDFs."""
    needed("pypdfium2", "reading a PDF", "pdf")


@contextmanager
def _opened(document: str | bytes, name: str = "") -> Iterator[Any]:
    """The document, open while the block runs; nobody else uses PDFium meanwhile.

    Errors begin with ``name``, or the path, unless it has none.
    """
    import pypdfium2  # type: ignore[import-untyped]

    place = "" if isinstance(document, bytes) else f"{name or document}: "
    try:
        file = io.BytesIO(document) if isinstance(document, bytes) else Path(document).open("rb")  # noqa: SIM115
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ImageError(f"{place}cannot read the file: {reason}") from error
    with file, _pdfium:
        try:
            with _closing(pypdfium2.PdfDocument(file)) as pdf:  # which reads what it needs of it
                pdf.init_forms()
                yield pdf
        except pypdfium2.PdfiumError as error:
            if not file.seek(0, os.SEEK_END):
                raise ImageDecodeError(f"{place}the PDF is empty: 0 bytes") from error
            if _is_empty(document):  # no error to PDFium, whose last one, of another document, this may tell
                raise ImageError(f"{place}the PDF has no pages") from error
            if "password" in str(error).lower():
                raise ImageError(f"{place}the PDF needs a password: save it without one") from error
            raise ImageDecodeError(f"{place}the PDF is damaged: {error}") from error
        except ImageError as error:
            raise type(error)(f"{place}{error}") from error


def _is_empty(document: str | bytes) -> bool:
    """Whether it is a PDF that can be opened but has no pages."""
    from pypdfium2 import raw

    if isinstance(document, bytes):
        pdf = raw.FPDF_LoadMemDocument64(document, len(document), None)
    else:
        pdf = raw.FPDF_LoadDocument(os.fsencode(document) + b"\0", None)  # which reads what it needs of it
    if not pdf:
        return False
    try:
        return bool(raw.FPDF_GetPageCount(pdf) == 0)
    finally:
        raw.FPDF_CloseDocument(pdf)


def _page(pdf: Any, number: int) -> Any:
    if number > len(pdf):
        raise ImageError(f"there is no page {number}, the PDF has {len(pdf)}")
    return pdf[number - 1]


@contextmanager
def _closing(thing: Any) -> Iterator[Any]:
    try:
        yield thing
    finally:
        thing.close()
