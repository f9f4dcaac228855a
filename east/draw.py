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
    image: NDArray[np.uint8], quads: NDArray[np.float32], labels: Sequence[str] | None = None
) -> NDArray[np.uint8]:
    """Outlines quads on a copy of an image.

    A bright line in a dark one, so that one of the two shows on any background; as thick as suits the image.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        quads: ``(M, 4, 2)``, in the image's pixels.
        labels: a text to write beside each quad, where `east.labels.place` finds room for it.
    """
    canvas = image.copy()
    thickness = line_thickness(canvas)
    corners = np.rint(np.clip(quads, -1e6, 1e6) * (1 << _FRACTION_BITS)).astype(np.int32)
    for colour, width in ((_HALO, thickness + 2), (_LINE, thickness)):
        for quad in corners:
            cv2.polylines(canvas, [quad], True, colour, width, cv2.LINE_AA, _FRACTION_BITS)
    if labels is not None and any(labels):
        from .labels import write_labels

        write_labels(canvas, quads, labels, _LINE, _HALO, margin=thickness + 1)
    return canvas


def line_thickness(image: NDArray[np.uint8]) -> int:
    """How many pixels wide the outlines are that suit an image."""
    return max(1, round(max(image.shape[:2]) / 800))
