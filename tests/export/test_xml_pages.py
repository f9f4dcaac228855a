"""ALTO and PAGE XML: valid by their schemas, and true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from lxml import etree  # type: ignore[import-untyped]
from numpy.typing import NDArray

from east import Detections
from east.export import to_alto, to_page_xml

from .conftest import LEVEL, TEXTS, results, schema

FORMATS: list[tuple[Callable[[Detections], str], Any]] = [
    (to_alto, schema("alto-4-2.xsd")),
    (to_page_xml, schema("page-2019-07-15.xsd")),
]


def parsed(document: str) -> Any:
    root = etree.fromstring(document.encode())
    for element in root.iter():
        element.tag = etree.QName(element).localname
    return root


@pytest.mark.parametrize(("write", "valid"), FORMATS)
def test_documents_are_valid_whatever_the_page(
    write: Callable[[Detections], str], valid: Any, page: Detections, unread: Detections
) -> None:
    for found in (page, unread, results(), results(LEVEL, texts=("a",), image=None, source="")):
        valid.assertValid(etree.fromstring(write(found).encode()))


@pytest.mark.parametrize(("write", "valid"), FORMATS)
@settings(max_examples=25, deadline=None)
@given(st.text(), hnp.arrays(np.float32, (4, 2), elements=st.floats(-1e6, 1e6, width=32)))
def test_documents_are_valid_with_any_text_anywhere(
    write: Callable[[Detections], str], valid: Any, text: str, quad: NDArray[np.float32]
) -> None:
    found = results(LEVEL, quad, texts=(text, text), source=text)
    valid.assertValid(etree.fromstring(write(found).encode(errors="surrogatepass")))


def test_alto_has_places_texts_and_confidences(page: Detections) -> None:
    root = parsed(to_alto(page))
    words = list(root.iter("String"))
    assert [word.get("CONTENT") for word in words] == list(TEXTS)
    assert [float(word.get("WC")) for word in words] == [0.75] * 4
    box = [[int(word.get(name)) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")] for word in words]
    assert box[0] == [20, 30, 100, 20]
    assert box[1] == [40, 70, 97, 68]
    assert box[3] == [0, 160, 200, 21]
    assert [word.find("Shape/Polygon").get("POINTS") for word in words][1:] == [
        "40,120 127,70 137,87 50,137",
        "190,20 190,120 170,120 170,20",
        "0,160 200,161 200,181 0,180",
    ]
    assert root.findtext("Description/sourceImageInformation/fileName") == "scan 1.jpg"
    assert [root.find("Layout/Page").get(name) for name in ("WIDTH", "HEIGHT")] == ["200", "190"]


def test_page_xml_has_places_texts_and_confidences(page: Detections) -> None:
    root = parsed(to_page_xml(page, "other.png"))
    words = list(root.iter("Word"))
    assert [word.findtext("TextEquiv/Unicode") for word in words] == list(TEXTS)
    assert [word.find("TextEquiv").get("conf") for word in words] == ["0.7500"] * 4
    assert [word.find("Coords").get("conf") for word in words] == ["0.9000", "0.8000", "0.7000", "0.6000"]
    assert words[1].find("Coords").get("points") == "40,120 127,70 137,87 50,137"
    assert words[3].find("Coords").get("points") == "0,160 200,161 200,181 0,180"
    assert root.find("Page").get("imageFilename") == "other.png"
    regions = {region.get("id") for region in root.iter("TextRegion")}
    assert {one.get("regionRef") for one in root.iter("RegionRefIndexed")} == regions


def test_words_that_nobody_has_read_have_places_and_no_texts(unread: Detections) -> None:
    alto, page_xml = parsed(to_alto(unread)), parsed(to_page_xml(unread))
    assert [word.get("CONTENT") for word in alto.iter("String")] == [""] * 4
    assert [float(word.get("WC")) for word in alto.iter("String")] == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert not list(page_xml.iter("TextEquiv"))
    assert len(list(page_xml.iter("Word"))) == 4
