"""Results in other libraries' forms."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from east import Detections

from .conftest import TEXTS, results


def test_supervision_has_rectangles_scores_quads_and_texts(page: Detections) -> None:
    sv = pytest.importorskip("supervision")
    found: Any = page.to_supervision()
    np.testing.assert_array_equal(found.xyxy, page.xyxy)
    np.testing.assert_array_equal(found.confidence, page.scores)
    np.testing.assert_array_equal(found.data[sv.config.ORIENTED_BOX_COORDINATES], page.quads)
    assert list(found.data["text"]) == list(TEXTS)
    assert len(found[found.confidence > 0.75]) == 2
    drawn = sv.OrientedBoxAnnotator().annotate(np.zeros((190, 200, 3), np.uint8), found)
    assert drawn.any()
    assert len(results().to_supervision()) == 0


def test_pandas_has_a_row_for_each_word(page: Detections, unread: Detections) -> None:
    pytest.importorskip("pandas")
    table = page.to_pandas()
    corners = [f"{axis}{number}" for number in (1, 2, 3, 4) for axis in "xy"]
    assert list(table.columns) == [*corners, "score", "text", "text_confidence"]
    np.testing.assert_array_equal(table[corners].to_numpy(), page.quads.reshape(-1, 8))
    assert list(table["text"]) == list(TEXTS)
    assert list(unread.to_pandas()["text"]) == [None] * 4
    assert list(results().to_pandas().columns) == list(table.columns)
    assert list(results().to_pandas().dtypes) == list(table.dtypes)


def test_shapely_has_the_quads(page: Detections) -> None:
    polygons = page.to_shapely()
    assert [polygon.area for polygon in polygons][:2] == pytest.approx([2000, 2000], rel=0.01)
    assert [polygon.bounds for polygon in polygons] == [pytest.approx(tuple(box)) for box in page.xyxy]


def test_a_missing_library_is_named_in_one_line() -> None:
    """In a process that has none of them, by a finder that refuses them."""
    code = """
import sys, numpy as np
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("supervision", "pandas", "shapely", "pikepdf", "pypdfium2"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing())
from east import Detections, MissingPackageError, Precision, Timings
from east.images import pdf_pages
found = Detections((), 8, 8, "r", Precision.FP32, Timings(), np.zeros((8, 8, 3), np.uint8))
for call in (found.to_supervision, found.to_pandas, found.to_shapely, found.to_pdf, lambda: pdf_pages("x.pdf")):
    try:
        call()
    except MissingPackageError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "to_supervision() needs supervision: pip install supervision",
        "to_pandas() needs pandas: pip install pandas",
        "to_shapely() needs shapely: pip install shapely",
        "a PDF needs pikepdf: pip install 'east-text-detector[pdf]'",
        "reading a PDF needs pypdfium2: pip install 'east-text-detector[pdf]'",
    ]
