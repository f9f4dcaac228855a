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

from typing import Final, Protocol

from ..options import ReadingOptions
from ..reading import Crop, Recogniser
from .rapid import RapidOcr
from .tesseract import Tesseract

__all__ = ["Crop", "NamedRecogniser", "RapidOcr", "Recogniser", "Tesseract", "find", "find_class"]


class NamedRecogniser(Protocol):
    """A recogniser that says what it is: ``name`` is its name and version."""

    name: str

    def __call__(self, crops: list[Crop]) -> list[tuple[str, float]]:
        """Reads crops, uint8 RGB ``(H, W, 3)``: a text and a confidence, 0..1, for each."""


_RECOGNISERS: Final[dict[str, type[RapidOcr] | type[Tesseract]]] = {"rapidocr": RapidOcr, "tesseract": Tesseract}


def find(name: str, *, language: str | None = None, threads: int | None = None) -> NamedRecogniser:
    """Loads the recogniser of that name.

    Args:
        name: ``rapidocr`` or ``tesseract``.
        language: of the words, as that recogniser calls it; its own default without.
        threads: CPU threads it may use; its own choice without.

    Raises:
        ValueError: there is none of that name, or it does not know the language.
        MissingPackageError: it is not installed; the message says what to install.
    """
    return find_class(name)(language=language, threads=threads)


def find_class(name: str) -> type[RapidOcr] | type[Tesseract]:
    """The class of the recogniser of that name. Raises ``ValueError`` where there is none."""
    return _RECOGNISERS[ReadingOptions(recogniser=name).recogniser]
