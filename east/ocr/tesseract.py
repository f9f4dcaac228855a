"""Tesseract: in this process where tesserocr is installed, else by pytesseract, one process for a list of words."""

from __future__ import annotations

import logging
import math
import os
import re
import subprocess
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Protocol

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
        """Looks for tesserocr or the program, and for the language.

        Args:
            language: as Tesseract calls it, such as ``eng``, or ``eng+deu``.
            threads: it reads with one; more are not used.
            mode: Tesseract's page segmentation mode: 7 for a line, 8 for a word. As lines twice as many words of
                photographs were read right.

        Raises:
            MissingPackageError: tesserocr and pytesseract, the program or its data of the language are not installed.
        """
        if threads not in (None, 1):
            _log.info("Tesseract reads with one thread, not %s", threads)
        self.language = language
        languages = language or "eng"
        try:
            library = import_module("tesserocr")
        except ModuleNotFoundError:
            self._engine: _Engine = _Program(languages, mode)
        else:
            self._engine = _Library(library, languages, mode)
        self.name = f"tesseract {self._engine.version}"

    def __call__(self, crops: list[Crop]) -> list[tuple[str, float]]:
        """Reads crops, uint8 RGB ``(H, W, 3)``."""
        return [_joined(words) for words in self._engine.read([_enlarged(crop) for crop in crops])] if crops else []


class _Engine(Protocol):
    """Tesseract, however it is reached: for each RGB image its words, and how sure it is of each, 0..100."""

    version: str

    def read(self, images: list[Crop]) -> Iterable[list[tuple[str, float]]]: ...


class _Library:
    """Tesseract in this process."""

    def __init__(self, library: Any, languages: str, mode: int) -> None:
        folder, known = library.get_languages()
        if not known:  # a wheel brings the library alone
            folder, known = library.get_languages(_folder_of_program() or folder)
        _check(languages, known)
        self.version = str(library.tesseract_version()).split()[1]
        variables = {"debug_file": os.devnull}
        self._engine = library.PyTessBaseAPI(path=folder, lang=languages, psm=mode, variables=variables)
        self._free = Lock()

    def read(self, images: list[Crop]) -> list[list[tuple[str, float]]]:
        with self._free:
            return [self._words(image) for image in images]

    def _words(self, image: Crop) -> list[tuple[str, float]]:
        height, width = image.shape[:2]
        self._engine.SetImageBytes(image.tobytes(), width, height, 3, 3 * width)
        self._engine.Recognize()
        return [(str(text), float(sure)) for text, sure in self._engine.MapWordConfidences()]


class _Program:
    """Tesseract as a program, started once for a list of images."""

    def __init__(self, languages: str, mode: int) -> None:
        try:
            import pytesseract  # type: ignore[import-untyped]
        except ModuleNotFoundError as error:
            raise missing_package(error, "reading words with Tesseract") from error
        self._library = pytesseract
        self._languages, self._config = languages, f"--psm {mode}"
        try:
            known = pytesseract.get_languages()
        except pytesseract.TesseractNotFoundError:
            raise MissingPackageError(
                "reading words with Tesseract needs the program tesseract: apt-get install tesseract-ocr, "
                "or see https://tesseract-ocr.github.io/tessdoc/Installation.html"
            ) from None
        _check(languages, known)
        self.version = str(pytesseract.get_tesseract_version())

    def read(self, images: list[Crop]) -> list[list[tuple[str, float]]]:
        with TemporaryDirectory(prefix="east-") as folder:
            paths = [Path(folder, f"{number}.png") for number in range(len(images))]
            for path, image in zip(paths, images, strict=True):
                cv2.imwrite(str(path), image[..., ::-1])
            listed = Path(folder, "crops.txt")
            listed.write_text("".join(f"{path}\n" for path in paths))
            told = self._library.image_to_data(
                str(listed), lang=self._languages, config=self._config, output_type=self._library.Output.DICT
            )
        words: list[list[tuple[str, float]]] = [[] for _ in images]
        for page, text, sure in zip(told["page_num"], told["text"], told["conf"], strict=True):
            if float(sure) >= 0:
                words[int(page) - 1].append((str(text), float(sure)))
        return words


def _check(languages: str, known: list[str]) -> None:
    for one in languages.split("+"):
        if one not in known:
            raise MissingPackageError(
                f"Tesseract has no data of the language {one!r}, of {', '.join(known) or 'none'} only: "
                f"apt-get install tesseract-ocr-{one.replace('_', '-')}"
            )


def _folder_of_program() -> str | None:
    """Where the program, if it is installed, has its languages."""
    try:
        told = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S607
    except OSError:
        return None
    found = re.search(r'"(.+)"', told.stdout + told.stderr)
    return found[1] if found else None


def _joined(words: list[tuple[str, float]]) -> tuple[str, float]:
    """All that was seen in one crop, and the least certain of it."""
    seen = [(text, sure) for text, sure in words if text.strip()]
    return " ".join(text for text, _ in seen), min((sure / 100 for _, sure in seen), default=0.0)


def _enlarged(crop: Crop) -> Crop:
    """High enough, in a margin of the colour that is most along its edge."""
    scale = max(1.0, _HEIGHT / crop.shape[0])
    size = math.ceil(crop.shape[1] * scale), math.ceil(crop.shape[0] * scale)
    large = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)
    edge = np.median(np.concatenate([large[0], large[-1], large[:, 0], large[:, -1]]), axis=0)
    bordered = cv2.copyMakeBorder(large, *(_MARGIN,) * 4, cv2.BORDER_CONSTANT, value=edge.tolist())
    return np.asarray(bordered, np.uint8)
