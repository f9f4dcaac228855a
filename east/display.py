"""Pictures on a screen: in a notebook or in a window."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageShow

from .draw import draw_boxes
from .errors import DisplayError
from .images.sizing import resize
from .types import Size

_NOTEBOOK_SIDE = 1280


def show(picture: NDArray[np.uint8]) -> None:
    """Shows uint8 RGB ``(H, W, 3)``: in a notebook below the cell that asks for it, else by a program for images.

    Raises `DisplayError` where there is no display, or no such program.
    """
    notebook = _notebook()
    image = Image.fromarray(picture)
    if notebook is not None:
        notebook.display(notebook.Image(data=_png(picture)))
        return
    instead = "write it to a file: found.save('found.png')"
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DisplayError(f"no display to show an image on (DISPLAY is not set); {instead}")
    if not ImageShow.show(image):
        raise DisplayError(f"no program that shows images was found; {instead}")


def for_notebook(image: NDArray[np.uint8], quads: NDArray[np.float32], labels: Sequence[str] | None = None) -> bytes:
    """The drawing of `draw_boxes` as a PNG file of at most 1280 pixels a side, so that a notebook stays small."""
    share = min(1.0, _NOTEBOOK_SIDE / max(image.shape[:2]))
    size = Size(*(max(1, round(share * side)) for side in image.shape[:2]))
    return _png(draw_boxes(resize(image, size), quads * np.float32(share), labels))


def _notebook() -> Any:
    """IPython's module for showing things, where a notebook's kernel runs this; else None."""
    if "IPython" not in sys.modules:
        return None
    from IPython import display, get_ipython

    return display if hasattr(get_ipython(), "kernel") else None


def _png(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", compress_level=3)
    return file.getvalue()
