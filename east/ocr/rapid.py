"""RapidOCR's recogniser, without its detector: the models of PaddleOCR in ONNX Runtime, which come in its wheel."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np

from ..errors import MissingPackageError
from ..extras import install
from ..reading import Crop

_LEAST_WIDTH = 160
"""Pixels that a batch is filled up to at least, of 48 high: as many words are read right as at RapidOCR's own 320, in
little more than half the time."""

_LONGEST = 32
"""Width by height up to which a crop keeps its shape. The time grows with the square of the length: a line of one pixel
by 300 would take minutes."""


class RapidOcr:
    """Reads words with RapidOCR 3 (https://github.com/RapidAI/RapidOCR).

    The model in its wheel reads Chinese, English and some fifty more languages, most of Latin script.

    Attributes:
        name: with its version.
        language: as it was given.
    """

    def __init__(
        self, *, language: str | None = None, threads: int | None = None, params: Mapping[str, Any] | None = None
    ) -> None:
        """Loads the model.

        Args:
            language: as RapidOCR calls it, such as ``en`` or ``ch``.
            threads: CPU threads; all without.
            params: more settings of RapidOCR under its names, such as ``{"Rec.model_path": "my.onnx"}``.

        Raises:
            MissingPackageError: RapidOCR or ONNX Runtime is not installed.
            ValueError: RapidOCR does not know the language or a setting.
        """
        try:
            import onnxruntime  # noqa: F401
            from rapidocr import RapidOCR
        except ModuleNotFoundError as error:
            raise MissingPackageError(f"reading words with RapidOCR needs {error.name}: {install('ocr')}") from error
        settings: dict[str, Any] = {
            "Global.use_det": False,
            "Global.use_cls": False,
            "Global.log_level": "error",
            "Rec.rec_img_shape": [3, 48, _LEAST_WIDTH],
        }
        if language is not None:
            settings["Rec.lang_type"] = language
        if threads is not None:
            settings["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
        self.language = language
        self.name = f"rapidocr {version('rapidocr')}"
        self._engine = RapidOCR(params=settings | dict(params or {}))
        self([np.zeros((48, 96, 3), np.uint8)])  # it loads its model at the first call

    def __call__(self, crops: list[Crop]) -> list[tuple[str, float]]:
        """Reads crops, uint8 RGB ``(H, W, 3)``."""
        if not crops:
            return []
        read = self._engine.recognize_txt([_bgr(crop) for crop in crops])
        return list(zip(read.txts or (), read.scores, strict=True))


def _bgr(crop: Crop) -> Crop:
    """With blue first, as PaddleOCR's models have it, and not too long."""
    height, width = crop.shape[:2]
    if width > _LONGEST * height:
        crop = np.asarray(cv2.resize(crop, (_LONGEST * height, height), interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(crop[..., ::-1])
