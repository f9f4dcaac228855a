"""The words as what other libraries work with, where those are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..extras import needed

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    import shapely
    import supervision as sv

    from ..detections import Detections


def to_supervision(found: Detections) -> sv.Detections:
    """The words as `supervision.Detections`, rectangles and oriented boxes. Raises `MissingPackageError`."""
    needed("supervision", "to_supervision()")
    import supervision as sv

    count = len(found)
    data: dict[str, Any] = {
        "class_name": np.array(["word"] * count, dtype=np.str_),
        sv.config.ORIENTED_BOX_COORDINATES: found.quads,
        "text": np.array([box.text or "" for box in found], dtype=object),
    }
    return sv.Detections(xyxy=found.xyxy, confidence=found.scores, class_id=np.zeros(count, int), data=data)


def to_pandas(found: Detections) -> pd.DataFrame:
    """The words as a table, ``x1, y1 … x4, y4, score, text, text_confidence``. Raises `MissingPackageError`."""
    needed("pandas", "to_pandas()")
    import pandas as pd

    corners = {
        f"{axis}{corner + 1}": found.quads[:, corner, which] for corner in range(4) for which, axis in enumerate("xy")
    }
    texts = pd.Series([box.text for box in found], dtype=object)
    sure = np.array([np.nan if box.text_confidence is None else box.text_confidence for box in found], np.float32)
    return pd.DataFrame({**corners, "score": found.scores, "text": texts, "text_confidence": sure})


def to_shapely(found: Detections) -> list[shapely.Polygon]:
    """The quads as polygons. Raises `MissingPackageError`."""
    needed("shapely", "to_shapely()")
    import shapely

    return [shapely.Polygon(quad) for quad in found.quads]
