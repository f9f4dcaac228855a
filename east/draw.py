"""Boxes drawn over an image."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .geometry import heights, widths

_LINE = (90, 255, 60)
_HALO = (0, 0, 0)
_FRACTION_BITS = 4  # OpenCV takes coordinates as fixed-point numbers


def draw_boxes(
    image: NDArray[np.uint8], quads: NDArray[np.float32], labels: Sequence[str] | None = None
) -> NDArray[np.uint8]:
    """Outlines quads on a copy of an image.

    A bright line in a dark one, so that one of the two shows on any background; as thick as suits the image, but no
    thicker than a twelfth of the word, so that it stays legible.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        quads: ``(M, 4, 2)``, in the image's pixels.
        labels: a text to write beside each quad, where `east.labels.place` finds room for it.
    """
    canvas = image.copy()
    lines = _thicknesses(canvas, quads)
    corners = np.rint(np.clip(quads, -1e6, 1e6) * (1 << _FRACTION_BITS)).astype(np.int32)
    for colour, around in ((_HALO, 2), (_LINE, 0)):
        for quad, line in zip(corners, lines, strict=True):
            cv2.polylines(canvas, [quad], True, colour, line + around, cv2.LINE_AA, _FRACTION_BITS)
    if labels is not None and any(labels):
        from .labels import write_labels

        write_labels(canvas, quads, labels, _LINE, _HALO, margin=max(lines) + 1)
    return canvas


def _thicknesses(image: NDArray[np.uint8], quads: NDArray[np.float32]) -> list[int]:
    """How many pixels wide the outline of each quad is."""
    of_image = max(1.0, max(image.shape[:2]) / 800)
    sides = np.minimum(heights(quads), widths(quads))
    return [int(line) for line in np.rint(np.clip(sides / 12, 1, of_image))]
