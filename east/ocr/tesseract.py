"""Tesseract, by pytesseract: one process for a whole list of words."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from ..errors import MissingPackageError
from ..extras import missing_package
from ..reading import Crop

_HEIGHT, _MARGIN = 48, 12  # Tesseract is made for letters of some 30 pixels on plain paper

_log = logging.getLogger(__name__)


class Tesseract:
    """Reads words with Tesseract 4 or 5 (https://github.com/tesseract-ocr), a program for printed pages.

    Attributes:
        name: with its version.
        language: as it was given.
    """

    def __init__(self, *, language: str | None = None, threads: int | None = None, mode: int = 7) -> None:
        """Looks for the program and the language.

        Args:
            language: as Tesseract calls it, such as ``eng``, or ``eng+deu``.
            threads: one process is one thread; more are not used.
            mode: Tesseract's page segmentation mode: 7 for a line, 8 for a word. As lines twice as many words of
                photographs were read right.

        Raises:
            MissingPackageError: pytesseract, the program or its data of the language are not installed.
        """
        try:
            import pytesseract  # type: ignore[import-untyped]
        except ModuleNotFoundError as error:
            raise missing_package(error, "reading words with Tesseract") from error
        if threads not in (None, 1):
            _log.info("Tesseract reads with one thread, not %s", threads)
        self._library = pytesseract
        self.language = language
        self._language, self._config = language or "eng", f"--psm {mode}"
        try:
            known = pytesseract.get_languages()
        except pytesseract.TesseractNotFoundError:
            raise MissingPackageError(
                "reading words with Tesseract needs the program tesseract: apt-get install tesseract-ocr, "
                "or see https://tesseract-ocr.github.io/tessdoc/Installation.html"
            ) from None
        self.name = f"tesseract {pytesseract.get_tesseract_version()}"
        for one in self._language.split("+"):
            if one not in known:
                raise MissingPackageError(
                    f"Tesseract has no data of the language {one!r}, of {', '.join(known) or 'none'} only: "
                    f"apt-get install tesseract-ocr-{one.replace('_', '-')}"
                )

    def __call__(self, crops: list[Crop]) -> list[tuple[str, float]]:
        """Reads crops, uint8 RGB ``(H, W, 3)``."""
        if not crops:
            return []
        with TemporaryDirectory(prefix="east-") as folder:
            paths = [Path(folder, f"{number}.png") for number in range(len(crops))]
            for path, crop in zip(paths, crops, strict=True):
                cv2.imwrite(str(path), _enlarged(crop))
            listed = Path(folder, "crops.txt")
            listed.write_text("".join(f"{path}\n" for path in paths))
            told = self._library.image_to_data(
                str(listed), lang=self._language, config=self._config, output_type=self._library.Output.DICT
            )
        words: dict[int, list[tuple[str, float]]] = {}
        for page, text, confidence in zip(told["page_num"], told["text"], told["conf"], strict=True):
            if float(confidence) >= 0 and str(text).strip():
                words.setdefault(int(page), []).append((str(text), float(confidence) / 100))
        return [_joined(words.get(page, [])) for page in range(1, len(crops) + 1)]


def _joined(words: list[tuple[str, float]]) -> tuple[str, float]:
    """All that was seen in one crop, and the least certain of it."""
    return " ".join(text for text, _ in words), min((confidence for _, confidence in words), default=0.0)


def _enlarged(crop: Crop) -> Crop:
    """BGR, high enough, in a margin of the colour that is most along its edge."""
    scale = max(1.0, _HEIGHT / crop.shape[0])
    size = math.ceil(crop.shape[1] * scale), math.ceil(crop.shape[0] * scale)
    large = cv2.resize(crop[..., ::-1], size, interpolation=cv2.INTER_CUBIC)
    edge = np.median(np.concatenate([large[0], large[-1], large[:, 0], large[:, -1]]), axis=0)
    bordered = cv2.copyMakeBorder(large, *(_MARGIN,) * 4, cv2.BORDER_CONSTANT, value=edge.tolist())
    return np.asarray(bordered, np.uint8)
