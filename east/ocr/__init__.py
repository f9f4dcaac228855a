"""Recognisers for `east.Detections.read`: what reads the words that the detector has found.

::

    from east import TextDetector
    from east.ocr import RapidOcr

    page = TextDetector().detect("sign.jpg").read(RapidOcr())
    print(page.text)

Any function from a list of crops to a ``(text, confidence)`` for each is one, see `Recogniser`; these are adapters over
the public interfaces of others. They may be shared by threads.
"""

from __future__ import annotations

from ..options import ReadingOptions
from ..reading import Crop, Recogniser
from .rapid import RapidOcr
from .tesseract import Tesseract

__all__ = ["Crop", "RapidOcr", "Recogniser", "Tesseract", "find"]


def find(name: str, *, language: str | None = None, threads: int | None = None) -> Recogniser:
    """Loads the recogniser of that name.

    Args:
        name: ``rapidocr`` or ``tesseract``.
        language: of the words, as that recogniser calls it; its own default without.
        threads: CPU threads it may use; its own choice without.

    Raises:
        ValueError: there is none of that name, or it does not know the language.
        MissingPackageError: it is not installed; the message says what to install.
    """
    chosen = ReadingOptions(recogniser=name).recogniser
    loaders = {"rapidocr": RapidOcr, "tesseract": Tesseract}
    return loaders[chosen](language=language, threads=threads)
