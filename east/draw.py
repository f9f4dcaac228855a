"""Boxes drawn over an image."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_LINE = (90, 255, 60)
_HALO = (0, 0, 0)
_FRACTION_BITS = 4  # OpenCV takes coordinates as fixed-point numbers


def draw_boxes(
    image: NDArray[np.uint8],
    quads: NDArray[np.float32],
    scores: Sequence[float] | None = None,
    texts: Sequence[str] | None = None,
) -> NDArray[np.uint8]:
    """Outlines quads on a copy of an image.

    A bright line in a dark one, so that one of the two shows on any background; as thick as suits the image.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        quads: ``(M, 4, 2)``, in the image's pixels.
        scores: a number to write above the top-left corner of each quad.
        texts: what to write there, before the number; OpenCV's font has ASCII alone.
    """
    canvas = image.copy()
    thickness = max(1, round(max(canvas.shape[:2]) / 800))
    corners = np.rint(np.clip(quads, -1e6, 1e6) * (1 << _FRACTION_BITS)).astype(np.int32)
    for colour, width in ((_HALO, thickness + 2), (_LINE, thickness)):
        for quad in corners:
            cv2.polylines(canvas, [quad], True, colour, width, cv2.LINE_AA, _FRACTION_BITS)
    numbers = [""] * len(quads) if scores is None else [f"{score:.2f}" for score in scores]
    for quad, text, number in zip(quads, texts or [""] * len(quads), numbers, strict=True):
        if label := f"{text} {number}".strip():
            _write(canvas, label, quad[0], thickness)
    return canvas


def _write(canvas: NDArray[np.uint8], text: str, corner: NDArray[np.float32], thickness: int) -> None:
    scale, stroke = 0.25 * thickness + 0.1, max(1, thickness // 2)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, stroke)
    rows, columns = canvas.shape[:2]
    left = int(np.clip(corner[0], 0, max(0, columns - width)))
    bottom = int(np.clip(corner[1] - 2 * thickness, min(height, rows), rows))
    for colour, line in ((_HALO, stroke + 2), (_LINE, stroke)):
        cv2.putText(canvas, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, line, cv2.LINE_AA)
